"""The second step of signing in, as one of Django's authentication backends.

So it goes through the same throttle as passwords: axes counts whatever `authenticate` refuses.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from memory_app.operations.codes import check_code
from memory_app.operations.passkeys import Party, check_passkey


class Answer(NamedTuple):
    """What a browser made of what it was asked, for whom."""

    party: Party
    state: Mapping[str, Any]
    text: str


class SecondFactorBackend(ModelBackend):
    """Takes a code or a passkey instead of a password, when that was right just before."""

    def authenticate(  # type: ignore[override]
        self,
        request: HttpRequest | None,
        username: str | None = None,
        operator_id: int | None = None,
        code: str | None = None,
        passkey: Answer | None = None,
        **_: Any,
    ) -> AbstractBaseUser | None:
        """Return the person when the code or the passkey is theirs."""
        if username is None or operator_id is None:
            return None
        if passkey is not None:
            party, state, text = passkey
            right = check_passkey(operator_id=operator_id, party=party, state=state, answer=text)
        else:
            right = code is not None and check_code(
                operator_id=operator_id, username=username, code=code
            )
        return self.get_user(operator_id) if right else None
