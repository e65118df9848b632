"""Whether the database answers and has the tables this version needs."""

from dataclasses import dataclass, field

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from memory_app.errors import Refusal
from memory_app.operations.falling_due import is_overdue
from memory_app.storage import engine
from memory_app.version import VERSION


@dataclass(frozen=True, slots=True)
class Readiness:
    """What /readyz shows."""

    ready: bool
    database: str
    migrations: str
    version: str = VERSION
    degraded: list[str] = field(default_factory=list)


def check_readiness(*, now: int | None = None) -> Readiness:
    """Ask the database for the migrations that were applied, and whether cleanup keeps up."""
    try:
        engine().read(lambda db: db.row("SELECT 1"))
        with engine().refusals():
            executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (Refusal, DatabaseError, engine().driver_error):
        return Readiness(ready=False, database="unreachable", migrations="unknown")
    if plan:
        return Readiness(ready=False, database="ok", migrations="pending")
    degraded = ["cleanup_overdue"] if is_overdue(now=now) else []
    return Readiness(ready=True, database="ok", migrations="applied", degraded=degraded)
