"""What monitoring asks: how much there is, and whether cleanup and scrub keep up."""

from collections.abc import Mapping
from dataclasses import dataclass

from memory_app.models import ReceiptKind
from memory_app.operations.backing_up import LastCopy, find_last_copy
from memory_app.operations.falling_due import is_overdue
from memory_app.operations.scrubbing import look_whether_due
from memory_app.operations.tallying import Counted, read_tallies
from memory_app.storage import Database, engine, files


@dataclass(frozen=True, slots=True)
class Watched:
    """The state of the installation; namespaces by name. Moments are None where nothing was."""

    namespaces: Mapping[str, Counted]
    counted_at: int | None
    complete_at: int | None
    ended_at: int | None
    failed: bool
    overdue: bool
    purges: int
    scrub_due: bool
    scrubbed_at: int | None
    last_copy: LastCopy | None
    database_bytes: int


def watch(*, now: int | None = None) -> Watched:
    """Look at the state of the installation, in a few short queries."""
    overdue = is_overdue(now=now)
    scrub = look_whether_due(now=now)

    def work(db: Database) -> Watched:
        places: dict[int, str] = dict(db.rows("SELECT id, name FROM namespace ORDER BY name"))
        tallies = read_tallies(db, list(places), now or db.now())
        complete = db.row(
            "SELECT max(r.finished_at) FROM cleanup_run r WHERE r.complete AND r.namespace IS NULL"
        )
        last = db.row(
            "SELECT r.finished_at, r.problem FROM cleanup_run r WHERE r.finished_at IS NOT NULL"
            " ORDER BY r.id DESC LIMIT 1"
        )
        waiting = db.row(
            "SELECT count(*) FROM receipt r WHERE r.scrubbed_at IS NULL AND r.purged_at IS NULL"
            " AND r.kind <> %s",
            (ReceiptKind.CLEANUP.value,),
        )
        scrubbed = db.row(
            "SELECT max(s.finished_at) FROM scrub s WHERE s.finished_at IS NOT NULL"
            " AND s.problem IS NULL"
        )
        return Watched(
            namespaces={places[number]: one for number, one in tallies.namespaces.items()},
            counted_at=tallies.counted_at,
            complete_at=complete[0] if complete else None,
            ended_at=last[0] if last else None,
            failed=bool(last and last[1]),
            overdue=overdue,
            purges=waiting[0] if waiting else 0,
            scrub_due=scrub.due,
            scrubbed_at=scrubbed[0] if scrubbed else None,
            last_copy=find_last_copy(db),
            database_bytes=files().size_bytes(),
        )

    return engine().read(work)


def database_kind() -> str:
    """Return which database is configured: `sqlite` or `postgresql`."""
    return engine().vendor
