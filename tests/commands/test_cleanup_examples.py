"""What docs/cleanup.md shows can be typed as it stands."""

import json
import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.core.management.base import BaseCommand

from memory_app.management.commands.cleanup import Command

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
TEXT = (DOCS / "cleanup.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands() -> list[list[str]]:
    """Return the arguments of every cleanup that an example or the text calls."""
    listed = [json.loads(found) for found in re.findall(r"command: (\[.*\])", TEXT)]
    typed = [
        shlex.split(found.split(">>")[0])
        for found in re.findall(r"manage\.py cleanup[^\n`\"]*", "\n".join(blocks("(?:cron|ini)")))
    ]
    said = [
        ["manage.py", *shlex.split(found)] for found in re.findall(r"`(cleanup --[^`]+)`", TEXT)
    ]
    return [one[one.index("cleanup") + 1 :] for one in [*listed, *typed, *said]]


def test_every_kind_of_scheduler_has_an_example() -> None:
    assert len(commands()) >= 4
    assert all(blocks(language) for language in ("cron", "ini", "yaml", "json"))


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_the_cleanup_of_an_example_is_one_that_there_is(arguments: list[str]) -> None:
    parser = Command().create_parser("manage.py", "cleanup")
    assert parser.parse_args(arguments)


def test_every_option_of_cleanup_is_explained() -> None:
    parser = Command().create_parser("manage.py", "cleanup")
    django = BaseCommand().create_parser("manage.py", "cleanup")
    # For `serve`, which stops its loop by closing a pipe.
    own = options(parser) - options(django) - {"--attached"}
    assert own == set(re.findall(r"^\| `(--[a-z-]+)", TEXT, re.MULTILINE))


def options(parser: ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


def test_the_json_of_the_page_has_the_fields_of_a_run() -> None:
    (shown,) = blocks("json")
    fields = ["run", "dry_run", "expired", "purged", "held", "queued", "scrubbed", "seconds"]
    assert list(json.loads(shown)) == fields
    assert list(json.loads(shown)["purged"]) == ["sessions", "messages", "bytes"]
