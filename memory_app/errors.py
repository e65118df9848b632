"""Everything Lethe refuses, one class each, with a stable code and nothing of HTTP in it.

Each door has one table from these classes to what it shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where, and what would be right."""

    loc: Location
    detail: str


class Refusal(Exception):
    """Something asked for is not done, and nothing was changed."""

    code = "invalid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Invalid(Refusal):
    """An input that breaks a rule; `faults` names each place."""

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)

    @classmethod
    def at(cls, loc: Location, detail: str) -> "Invalid":
        """Refuse one place of an input."""
        return cls(detail, [Fault(loc, detail)])


class InvalidPrefix(Invalid):
    """A prefix that does not end at a level; `suggestion` is the one that would."""

    def __init__(self, detail: str, suggestion: str, loc: Location) -> None:
        super().__init__(detail, [Fault(loc, detail)])
        self.suggestion = suggestion


class InvalidMoment(Invalid):
    """An expiry that may not be; `latest` is the last moment that may, in microseconds."""

    def __init__(self, detail: str, loc: Location, latest: int | None = None) -> None:
        super().__init__(detail, [Fault(loc, detail)])
        self.latest = latest


class SessionFull(Refusal):
    """A session has given out all its sequence numbers."""

    code = "session_full"


class Unauthenticated(Refusal):
    """No API key, or none that is known and valid."""

    code = "unauthenticated"


class Forbidden(Refusal):
    """The caller is known and lacks the right."""

    code = "forbidden"


class ReasonNeeded(Forbidden):
    """A person opens content of a namespace that demands a written reason, and has given none."""

    code = "reason_needed"

    def __init__(self, detail: str, namespace: str = "") -> None:
        super().__init__(detail)
        self.namespace = namespace


class NotFound(Refusal):
    """There is no such thing, or it belongs to another namespace: the two look the same."""

    code = "not_found"


class SessionExists(Refusal):
    """A live session has this id already."""

    code = "session_exists"


class MessageConflict(Refusal):
    """A message id is taken by another body; `index` is its place in a batch."""

    code = "message_conflict"

    def __init__(self, detail: str, index: int | None = None) -> None:
        super().__init__(detail)
        self.index = index


class UserConflict(Refusal):
    """A session belongs to another user."""

    code = "user_conflict"


class RevisionConflict(Refusal):
    """A session is not at the expected revision; `revision` is where it is."""

    code = "revision_conflict"

    def __init__(self, detail: str, revision: int) -> None:
        super().__init__(detail)
        self.revision = revision


class Held(Refusal):
    """A legal hold, or one released less than a day ago, forbids to remove or overwrite."""

    code = "held"


class RateLimited(Refusal):
    """A key has used up its calls for now; in `seconds` there is another."""

    code = "rate_limited"

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(detail)
        self.seconds = seconds


class SessionExpired(Refusal):
    """A session is past its time in a namespace that refuses to begin a new one."""

    code = "session_expired"


class PreviewStale(Refusal):
    """A preview that is unknown, used, older than an hour, or another actor's."""

    code = "preview_stale"


class TooLarge(Refusal):
    """More bytes than allowed."""

    code = "too_large"


class UnsupportedMediaType(Refusal):
    """A body that is not JSON."""

    code = "unsupported_media_type"


class Unavailable(Refusal):
    """The database cannot serve this now; nothing was half-done, and a retry is safe."""

    code = "unavailable"


class StorageFull(Refusal):
    """There is no room left to store more; reading and purging still work."""

    code = "storage_full"
