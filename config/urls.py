"""The site map."""

from django.urls import include, path

from memory_app.api import api
from memory_app.api.health import healthz, readyz
from memory_app.api.metrics import metrics

urlpatterns = [
    path("api/v1/", api.urls),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("", include("memory_app.console.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
