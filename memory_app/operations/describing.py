"""Describe the installation to administrators: what runs, on what, within which limits."""

import platform
import shutil
from dataclasses import dataclass

import django
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.recorder import MigrationRecorder

from memory_app import conf, moments
from memory_app.operations.backing_up import LastCopy, find_last_copy
from memory_app.operations.rights import EVERYWHERE, Person, Right
from memory_app.operations.scrubbing import Scrubbing, look_whether_due
from memory_app.storage import Database, engine, files
from memory_app.version import VERSION


@dataclass(frozen=True, slots=True)
class Installation:
    """Facts, none of them secret. Sizes in bytes, `window` in minutes of the UTC day."""

    version: str
    python: str
    django: str
    database: str
    database_version: str
    database_bytes: int
    migration: str
    free_bytes: int
    disk_bytes: int
    window: tuple[int, int] | None
    scrub_max_bytes: int
    scrub_stops_writers: bool
    scrubbing: Scrubbing
    scrubbed_at: int | None
    scrub_problem: str | None
    backup_days: int
    last_copy: LastCopy | None
    clock: int
    clock_apart: int
    namespaces: int
    people: int


def describe_installation(*, person: Person, now: int | None = None) -> Installation:
    """Return the facts of this installation. Raises Forbidden for all but administrators."""
    if not person.may_anywhere(Right.MANAGE_NAMESPACES):
        person.require(Right.MANAGE_NAMESPACES, EVERYWHERE)
    scrubbing = look_whether_due(now=now)
    disk = shutil.disk_usage(conf.data_dir())
    with engine().refusals():
        connection = connections[DEFAULT_DB_ALIAS]
        applied = MigrationRecorder(connection).applied_migrations()
        number = ".".join(str(part) for part in connection.get_database_version())
    names = [name for app, name in applied if app == "memory_app"]

    def work(db: Database) -> Installation:
        scrub = db.row(
            "SELECT s.finished_at, s.problem FROM scrub s WHERE s.finished_at IS NOT NULL"
            " ORDER BY s.id DESC LIMIT 1"
        )
        counts = db.row(
            "SELECT (SELECT count(*) FROM namespace),"
            " (SELECT count(*) FROM operator o WHERE o.is_active)"
        )
        moment = db.now()
        return Installation(
            version=VERSION,
            python=platform.python_version(),
            django=django.get_version(),
            database=engine().vendor,
            database_version=number,
            database_bytes=files().size_bytes(),
            migration=max(names, default=""),
            free_bytes=disk.free,
            disk_bytes=disk.total,
            window=conf.scrub_window(),
            scrub_max_bytes=conf.scrub_max_bytes(),
            scrub_stops_writers=files().scrub_stops_writers,
            scrubbing=scrubbing,
            scrubbed_at=scrub[0] if scrub else None,
            scrub_problem=scrub[1] if scrub else None,
            backup_days=conf.backup_days(),
            last_copy=find_last_copy(db),
            clock=moment,
            clock_apart=abs(moment - moments.process_clock()) // moments.SECOND,
            namespaces=counts[0] if counts else 0,
            people=counts[1] if counts else 0,
        )

    return engine().read(work)
