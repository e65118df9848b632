"""What was copied from others is what its list says."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
VENDOR = ROOT / "static" / "vendor"
LISTED = dict(
    re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.M)
)
AXE = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_file_is_listed() -> None:
    assert {path.name for path in VENDOR.iterdir() if path.is_file()} - {"README.md"} == set(LISTED)


@pytest.mark.parametrize("name", sorted(LISTED))
def test_a_file_is_as_it_was_listed(name: str) -> None:
    assert digest(VENDOR / name) == LISTED[name]


def test_the_accessibility_checker_is_as_it_was_published() -> None:
    assert digest(ROOT / "tests" / "browser" / "axe.min.js") == AXE


def test_every_licence_that_is_named_is_there() -> None:
    named = re.findall(r"\]\((licences/[^)]+)\)", (VENDOR / "README.md").read_text())
    assert named
    assert all((VENDOR / path).is_file() for path in named)


def test_every_icon_that_a_page_names_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (VENDOR / "icons.svg").read_text()))
    templates = (ROOT / "templates").rglob("*.html")
    named = {
        name for path in templates for name in re.findall(r'{% icon "([^"]+)"', path.read_text())
    }
    assert named - drawn == set()
