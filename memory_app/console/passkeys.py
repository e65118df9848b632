"""Passkeys in a browser: what it was asked is kept with the sign-in until its one answer comes."""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest

from memory_app import moments
from memory_app.console import connecting
from memory_app.operations import passkeys
from memory_app.operations.passkeys import Asked, Party

_ASKED: Final = "passkey"
_PATIENCE: Final = 10 * moments.MINUTE


def party(request: HttpRequest) -> Party | None:
    """Return for whom passkeys are where this page was reached, None where browsers have none."""
    return passkeys.party_at(connecting.address(request))


def keep(request: HttpRequest, asked: Asked) -> str:
    """Keep what is asked in place of what was asked before; return what the page hands over."""
    now = moments.process_clock()
    request.session[_ASKED] = {"state": dict(asked.state), "at": now}
    return json.dumps(asked.options, default=dict)


def take(request: HttpRequest) -> Mapping[str, Any] | None:
    """Return what was asked a moment ago, once: an answer to it works no second time."""
    kept = request.session.pop(_ASKED, None)
    if kept is None or moments.process_clock() - kept["at"] > _PATIENCE:
        return None
    state: Mapping[str, Any] = kept["state"]
    return state
