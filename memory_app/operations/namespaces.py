"""Make and name the isolated spaces of sessions."""

import re
from typing import Final

from memory_app.errors import Invalid
from memory_app.models import Namespace, RetentionPolicy

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)


def ensure_namespace(*, name: str, now: int) -> Namespace:
    """Return the namespace of a name, making it with the default policy when it is missing."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "a namespace has 1 to 64 lowercase letters, digits, dots, dashes and underscores,"
            " and begins and ends with a letter or digit"
        )
    namespace, created = Namespace.objects.get_or_create(name=name, defaults={"created_at": now})
    if created:
        RetentionPolicy.objects.create(namespace=namespace)
    return namespace
