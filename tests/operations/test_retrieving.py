"""Retrieving looks through sessions of any size in little memory."""

import tracemalloc

import pytest

from memory_app.conf import KB, MB
from memory_app.operations.reading import Which
from memory_app.operations.retrieving import retrieve_messages
from tests.factories import make_caller, make_session

pytestmark = pytest.mark.django_db


def test_a_long_session_whose_every_message_matches_is_not_in_memory_at_once() -> None:
    caller = make_caller()
    make_session(caller, "chat", *(f"{n} refund" + "x" * 64 * KB for n in range(600)))
    tracemalloc.start()
    found = retrieve_messages(
        caller=caller, which=Which("chat"), query="Refund", limit=2, offset=597
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.total, len(found.matches)) == (600, 2)
    assert peak < 20 * MB
