"""Give static files names that hold a hash of their content, so that browsers may keep them.

`serve` collects them before it starts; a browser then asks for each version of a file once, and an
upgrade is never met by a stale style. Other servers, and tests, use the plain names: nothing has to
be collected by hand.
"""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage
from django.core.management import call_command

from memory_app.storage import engine

_collected = False


class CollectedFiles(ManifestStaticFilesStorage):
    """Hashed names where this server has collected the files, plain ones elsewhere."""

    def url(self, name: str | None, force: bool = False) -> str:
        """Return where a file is."""
        if _collected and name in self.hashed_files:
            return super().url(name, force)
        return StaticFilesStorage.url(self, name)


def collect() -> None:
    """Collect the files in the data folder; processes that are forked from now on name them so."""
    global _collected
    with engine().alone("static"):
        call_command("collectstatic", interactive=False, verbosity=0)
    _collected = True
