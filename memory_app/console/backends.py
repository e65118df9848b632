"""The second step of signing in, as one of Django's authentication backends.

So it goes through the same throttle as passwords: axes counts whatever `authenticate` refuses.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from memory_app.operations.codes import check_code


class SecondFactorBackend(ModelBackend):
    """Takes a code instead of a password, of a person whose password was right just before."""

    def authenticate(  # type: ignore[override]
        self,
        request: HttpRequest | None,
        username: str | None = None,
        operator_id: int | None = None,
        code: str | None = None,
        **_: Any,
    ) -> AbstractBaseUser | None:
        """Return the person when the code is theirs."""
        if username is None or operator_id is None or code is None:
            return None
        if not check_code(operator_id=operator_id, username=username, code=code):
            return None
        return self.get_user(operator_id)
