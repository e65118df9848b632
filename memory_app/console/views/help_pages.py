"""Help: one short page for each area, in the words of the contract."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from memory_app.console import page
from memory_app.console.middleware import open_without_factor
from memory_app.operations.rights import RIGHTS, Right

TOPICS: Final = {
    "lifetime": "Lifetime",
    "holds": "Legal holds",
    "erasure": "Erasure",
    "roles": "Roles",
    "keyboard": "Keyboard",
}
# What each right lets one do, for people; the others speak for themselves.
_DOES: Final = {
    Right.VIEW: "See ids, users, tags, status, counts and times",
    Right.READ_CONTENT: "Open and search content; recorded",
    Right.EXPIRE: "Expire sessions",
    Right.EXTEND: "Extend sessions",
    Right.RESTORE: "Restore sessions within grace",
    Right.PURGE: "Purge sessions",
    Right.ERASE: "Erase a data subject",
    Right.EXPORT: "Export content; recorded",
    Right.HOLD: "Place and release legal holds",
    Right.READ_OWN_AUDIT: "Read what one did oneself in the audit log",
    Right.READ_AUDIT: "Read the audit log of the namespace",
    Right.OVERSEE: "Read and verify the audit log",
    Right.MANAGE_KEYS: "Make, rotate and revoke API keys",
    Right.MANAGE_NAMESPACES: "Make and change namespaces",
    Right.MANAGE_POLICIES: "Change retention policies",
    Right.MANAGE_PEOPLE: "Invite people, give roles, deactivate",
}


@open_without_factor
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show which pages there are."""
    return page.render(request, page="console/help/index.html", context={"topics": TOPICS})


@open_without_factor
@require_safe
def topic(request: HttpRequest, topic: str) -> HttpResponse:
    """Show one of them."""
    context: dict[str, Any] = {
        "topics": TOPICS,
        "topic": topic,
        "subject": TOPICS[topic],
        "rights": [
            (
                _DOES.get(right, right.value.replace("_", " ").capitalize()),
                [right in given for given in RIGHTS.values()],
            )
            for right in Right
        ],
        "roles": [role.replace("_", " ").capitalize() for role in RIGHTS],
    }
    return page.render(request, page=f"console/help/{topic}.html", context=context)
