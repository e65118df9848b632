"""Say whether this process is alive, and whether it can serve."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from memory_app.operations.health import check_readiness


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer without touching anything: the process runs."""
    return HttpResponse(b'{"status": "ok"}', content_type="application/json")


def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when requests can be served, else 503, and what is degraded."""
    readiness = check_readiness()
    body = {
        "status": "ok" if readiness.ready else "unavailable",
        "version": readiness.version,
        "database": readiness.database,
        "migrations": readiness.migrations,
        "degraded": readiness.degraded,
    }
    return JsonResponse(body, status=200 if readiness.ready else 503)
