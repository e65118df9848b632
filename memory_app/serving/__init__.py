"""The embedded web server: granian, and the bridge from it to Django (docs/server.md)."""

from memory_app.serving.start import CannotServe, parse_bind, serve
from memory_app.serving.uploads import Limits

__all__ = ["CannotServe", "Limits", "parse_bind", "serve"]
