"""The site map."""

from django.urls import path, re_path

from memory_app.api import api
from memory_app.api.fallback import no_operation
from memory_app.api.health import healthz, readyz

urlpatterns = [
    path("api/v1/", api.urls),
    re_path(r"^api(?:/|$)", no_operation),
    path("healthz", healthz),
    path("readyz", readyz),
]
