"""The end of a prefix, and cursors, apart from any database."""

from itertools import product

import pytest

from memory_app.errors import Invalid
from memory_app.operations.browsing import prefix_end
from memory_app.operations.cursors import read_cursor, write_cursor

EDGES = ["a", "z", "\x7f", "\u07ff", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]


def test_the_end_of_a_prefix_comes_after_all_that_begin_with_it_and_nothing_else() -> None:
    texts = ["".join(text) for size in (1, 2, 3) for text in product(EDGES, repeat=size)]
    for prefix in (text for text in texts if len(text) < 3):
        end = prefix_end(prefix)
        for text in texts:
            inside = prefix <= text and (end is None or text < end)
            assert inside == text.startswith(prefix)


def test_the_last_character_of_all_has_no_end() -> None:
    assert prefix_end("\U0010ffff") is None
    assert prefix_end("a\U0010ffff") == "b"
    assert prefix_end("a\ud7ff") == "a\ue000"


def test_both_databases_order_as_code_points_do() -> None:
    """Byte order of UTF-8 is code point order, which is Python's order of texts."""
    assert sorted(EDGES) == sorted(EDGES, key=str.encode)


@pytest.mark.parametrize("place", [[1, 2], ["org-1/", 7], [None, 2**63 - 1], ["日本語", 0]])
def test_a_cursor_is_read_by_the_list_that_wrote_it(place: list[object]) -> None:
    cursor = write_cursor(place, ("sessions", 1))
    assert cursor.isascii()
    assert not set(cursor) & set("+/=& ")
    assert read_cursor(cursor, ("sessions", 1)) == place


def test_a_cursor_is_refused_by_every_other_list() -> None:
    cursor = write_cursor([1, 2], ("sessions", 1))
    for other in (("sessions", 2), ("receipts", 1), ("sessions", "1")):
        with pytest.raises(Invalid):
            read_cursor(cursor, other)
