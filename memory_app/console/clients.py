"""Who a request comes from, as the throttle of signing in counts it."""

import hashlib
import hmac
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest

from memory_app import conf


def address(request: HttpRequest) -> str:
    """Return the address of the client: the peer's, or what the trusted proxies say."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    trusted = int(settings.LETHE_TRUSTED_PROXIES)
    forwarded = [
        part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part
    ]
    # Each proxy appends who called it; what stands further left may be the caller's invention.
    return forwarded[-trusted] if 0 < trusted <= len(forwarded) else peer


# Whoever has one address of IPv6 has all that begin with the same 64 bits.
_ONE_CLIENT: Final = 2**64 - 1


def counted_address(request: HttpRequest) -> str:
    """Return the address under which the throttle counts a client, of IPv6 the network's first.

    What a proxy writes that is none counts as the proxy's own.
    """
    for text in (address(request), str(request.META.get("REMOTE_ADDR", ""))):
        try:
            found = ip_address(text)
        except ValueError:
            continue
        if isinstance(found, IPv6Address):
            return str(found.ipv4_mapped or IPv6Address(int(found) & ~_ONE_CLIENT))
        return str(found)
    return "0.0.0.0"  # noqa: S104 - it stands for no address; nothing listens there


# The first that its name for itself contains: browsers also name those they descend from.
_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def browser(request: HttpRequest) -> str:
    """Return the browser in words that are ours, such as Firefox on Windows."""
    agent = request.headers.get("User-Agent", "")
    name = next((word for mark, word in _BROWSERS if mark in agent), "A browser")
    system = next((word for mark, word in _SYSTEMS if mark in agent), "")
    return f"{name} on {system}" if system else name


def name_digest(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """Return a keyed digest of the name that signs in: people type passwords into that field."""
    name = str((credentials or {}).get("username") or request.POST.get("username", ""))
    pepper = f"sign-in:{conf.secret_key()}".encode()
    return hmac.new(pepper, name.encode(), hashlib.sha256).hexdigest()


def no_name(*_: Any) -> str:
    """Return what the throttle may say of a client in its log: nothing."""
    return "a client"
