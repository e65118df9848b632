"""/metrics in the text format of Prometheus, for this machine or whoever has the token."""

import hmac
import ipaddress
import platform
from collections.abc import Iterable, Iterator
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from memory_app import measuring
from memory_app.api.problems import problem
from memory_app.errors import Refusal
from memory_app.moments import SECOND
from memory_app.operations.watching import Watched, database_kind, watch
from memory_app.version import VERSION

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# A request with one of these came through a proxy, which may well run on this machine.
_FORWARDED: Final = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")

Samples = Iterable[tuple[str, float]]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics; those of the database are left out when it does not answer."""
    if not _may_read(request):
        return problem(
            request,
            "forbidden",
            "metrics are read from the machine itself, or with LETHE_METRICS_TOKEN as bearer",
        )
    lines = [*_of_process(), *_of_requests()]
    try:
        lines += _of_installation(watch())
        up = 1
    except Refusal:
        up = 0
    lines += _family("lethe_database_up", "gauge", "Whether the database answers.", [("", up)])
    return HttpResponse("\n".join([*lines, ""]), content_type=CONTENT_TYPE)


def _may_read(request: HttpRequest) -> bool:
    token = str(settings.LETHE_METRICS_TOKEN)
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer":
        return hmac.compare_digest(given.strip().encode(), token.encode())
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _family(name: str, kind: str, words: str, samples: Samples) -> Iterator[str]:
    """Yield a metric: what it is, and its samples, each the rest of its name and its value."""
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"
    for rest, value in samples:
        yield f"{name}{rest} {value:.16g}"


def _of_process() -> Iterator[str]:
    labels = f'{{version="{VERSION}",database="{database_kind()}"'
    labels += f',python="{platform.python_version()}"}}'
    yield from _family("lethe_build_info", "gauge", "What runs.", [(labels, 1)])


def _of_requests() -> Iterator[str]:
    measured = list(measuring.read())
    counts = [
        (f'{{operation="{one.operation}",status="{name}"}}', number)
        for one in measured
        for name, number in zip(measuring.CLASSES, one.classes, strict=True)
        if number
    ]
    words = "Requests that were answered, of all processes of this server."
    yield from _family("lethe_requests_total", "counter", words, counts)
    samples: list[tuple[str, float]] = []
    for one in measured:
        label, total = f'operation="{one.operation}"', 0
        for bound, number in zip((*measuring.BOUNDS, "+Inf"), one.durations, strict=True):
            total += number
            samples.append((f'_bucket{{{label},le="{bound}"}}', total))
        samples += [(f"_sum{{{label}}}", one.seconds), (f"_count{{{label}}}", total)]
    words = "How long requests took, until the first byte of the answer."
    yield from _family("lethe_request_seconds", "histogram", words, samples)


def _of_installation(watched: Watched) -> Iterator[str]:
    namespaces = watched.namespaces.items()
    yield from _family(
        "lethe_sessions",
        "gauge",
        "Sessions by namespace and status, as they were last counted.",
        [
            (f'{{namespace="{name}",status="{status}"}}', getattr(counted, status))
            for name, counted in namespaces
            for status in ("active", "expired", "purging")
        ],
    )
    for name, field, words in (
        ("lethe_messages", "messages", "Messages by namespace, as last counted."),
        ("lethe_content_bytes", "size_bytes", "Bytes of content by namespace, as last counted."),
    ):
        samples = [(f'{{namespace="{n}"}}', getattr(counted, field)) for n, counted in namespaces]
        yield from _family(name, "gauge", words, samples)
    copy = watched.last_copy
    for name, words, value in (
        ("lethe_counted_timestamp_seconds", "When these were counted.", watched.counted_at),
        (
            "lethe_cleanup_complete_timestamp_seconds",
            "When the last run ended that left nothing due.",
            watched.complete_at,
        ),
        ("lethe_cleanup_end_timestamp_seconds", "When the last run ended.", watched.ended_at),
        ("lethe_scrub_timestamp_seconds", "When the last scrub ended.", watched.scrubbed_at),
        (
            "lethe_backup_timestamp_seconds",
            "The moment that the last backup shows; none since a restore, none here.",
            copy.began_at if copy else None,
        ),
    ):
        samples = [] if value is None else [("", value / SECOND)]
        yield from _family(name, "gauge", words, samples)
    sizes: list[tuple[str, float]] = [("", copy.size_bytes)] if copy else []
    yield from _family("lethe_backup_bytes", "gauge", "How large the last backup is.", sizes)
    for name, words, number in (
        ("lethe_cleanup_failed", "Whether the last run ended by an error.", watched.failed),
        ("lethe_cleanup_overdue", "Whether something was due an hour ago.", watched.overdue),
        ("lethe_purges_waiting", "Purges and erasures that are not finished.", watched.purges),
        ("lethe_scrub_due", "Whether purged bytes are still in the files.", watched.scrub_due),
        ("lethe_database_bytes", "How large the database is.", watched.database_bytes),
    ):
        yield from _family(name, "gauge", words, [("", int(number))])
