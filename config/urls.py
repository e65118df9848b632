"""The site map."""

from django.urls import path

from memory_app.api import api
from memory_app.api.health import healthz, readyz

urlpatterns = [
    path("api/v1/", api.urls),
    path("healthz", healthz),
    path("readyz", readyz),
]
