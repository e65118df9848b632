"""manage.py first_run: what `make run` does before it serves."""

from typing import Any, ClassVar

from memory_app.conf import public_url
from memory_app.management.command import LetheCommand
from memory_app.operations.starting import prepare_installation

_PERSON = """
  Console    {url}/
             name      {access.username}
             password  {access.password}
"""
_KEY = """
  API key    {access.api_key}
             for the namespace {access.namespace}, to read and write
  API docs   {url}/api/v1/docs

Try it:

  curl {url}/api/v1/memory/add \\
    -H 'Authorization: Bearer {access.api_key}' \\
    -H 'Content-Type: application/json' \\
    -d '{{"session_id": "hello", "message": {{"role": "user", "content": "Hello, Lethe"}}}}'
"""


class Command(LetheCommand):
    """Prepare everything; the second time there is nothing to say."""

    help = (
        "Bring the database up to date and, on a new installation, make the first person and the"
        " first API key and print both. Can be run again, and twice at once."
    )
    needs_database: ClassVar[bool] = False  # it makes the tables

    def handle(self, **options: Any) -> None:
        """Prepare, and say how to enter."""
        access = prepare_installation()
        text = _PERSON * (access.password is not None) + _KEY * (access.api_key is not None)
        if text:
            self.stdout.write("This is shown once; keep it.")
            self.stdout.write(text.format(url=public_url(), access=access))
