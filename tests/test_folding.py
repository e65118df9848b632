"""Texts as they are looked for: what counts, and where in a text it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_app.folding import Needle, fold

_ODD = (
    "aAoßŉǆﬁİıσςÅå\u0301\u0327\u0345が゛ｶﾞ\u3099\u0640س"
    "\u064e한ㄱㅏ\u1100\u1161\u11a8\u200d\u00ad⁄½นำ"
)


@pytest.mark.parametrize(
    ("typed", "text", "places"),
    [
        ("uber", "Über, über", ["Über", "über"]),
        ("aa", "aaaaa", ["aa", "aa"]),
        ("fi", "o\ufb03ce", ["\ufb03"]),
        ("ss", "Straße", ["ß"]),
        ("cafe", "cafe\u0301s", ["cafe\u0301"]),
        ("a b", "a\u00a0b", ["a\u00a0b"]),
        ("co-op", "co-\u00adop", ["co-\u00adop"]),
        ("half", "whole", []),
        ("\u0301", "e\u0301", []),
        ("", "anything", []),
    ],
)
def test_what_is_looked_for_is_found_where_it_stands(
    typed: str, text: str, places: list[str]
) -> None:
    assert [text[start:end] for start, end in Needle(typed).places(text)] == places


@settings(max_examples=300)
@given(text=st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(_ODD))))
def test_every_text_is_found_in_itself_whole(text: str) -> None:
    found = list(Needle(text).places(text))
    if fold(text):
        [(start, end)] = found
        assert fold(text[start:end]) == fold(text)
    else:
        assert found == []
