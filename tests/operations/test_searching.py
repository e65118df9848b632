"""What the index finds is what a plain scan of all messages finds, whatever is typed."""

import random
import re
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from memory_app.errors import Invalid
from memory_app.operations import scanning
from memory_app.operations.indexing import index_pending
from memory_app.operations.keys import Caller
from memory_app.operations.recording import Recording, add_events
from memory_app.operations.scanning import MessageFilter
from memory_app.operations.searching import search_messages
from memory_app.operations.wording import text_of
from memory_app.words import flatten, parse, words
from tests.conftest import conversations
from tests.factories import make_caller, make_event

pytestmark = pytest.mark.django_db

PIECES = [
    *("refund", "Refund", "réfund", "REFUNDS", "re", "a", "get_user_details", "getUserDetails"),
    *(
        "user",
        "details",
        "_",
        "x1",
        "42",
        "ß",
        "Straße",
        "İ",
        "ﬁne",
        "東京",
        "東京都",
        "京都",
        "都",
    ),
    *("退款", "款", "한국어", "국어", "สวัสดี", "ดี", "שלום", "عَالَم", "عالم", "👍🏽", "👍", "नमस्ते"),
    *(
        "か\u3099",
        "が",
        "Ｆull",
        "ann@example.com",
        "4711-a",
        "can't",
        "®",
        "½",
        "\u200b",
        "\u00ad",
    ),
]
JOINTS = [" ", " ", " ", "", ", ", "。", "-", "\n", "/", "_"]
OPERATORS = ["", "", "", "", "-", '"', '" ', "*", "* ", "AND", "(", ")", ":", "^", "'", "\\", "&|!"]


def texts() -> list[str]:
    """Return texts of every kind, the same ones each time."""
    chance = random.Random(11)  # noqa: S311
    return [
        "".join(chance.choice(PIECES) + chance.choice(JOINTS) for _ in range(chance.randint(1, 9)))
        for _ in range(150)
    ]


TEXTS = texts()
queries = st.lists(
    st.tuples(st.sampled_from(OPERATORS), st.sampled_from(PIECES), st.sampled_from(OPERATORS)),
    min_size=1,
    max_size=4,
).map(lambda parts: " ".join("".join(part) for part in parts))


@pytest.fixture(autouse=True)
def _without_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a search take its time: what is compared must be whole."""
    monkeypatch.setattr(scanning, "MOST_EXAMINED", 100_000)
    monkeypatch.setattr(scanning, "_SECONDS", 60.0)


@pytest.fixture
def ann() -> Caller:
    caller = make_caller()
    events = [make_event(text) for text in TEXTS]
    add_events(caller=caller, recording=Recording(session_id="all", events=events, batch=True))
    index_pending()
    return caller


def found(ann: Caller, query: str, wanted: MessageFilter | None = None) -> list[int]:
    """Return the places of all messages that a search finds, page after page."""
    places: list[int] = []
    cursor = None
    while True:
        page = search_messages(
            caller=ann, query=query, wanted=wanted or MessageFilter(), limit=100, cursor=cursor
        )
        places += [match.event.seq for match in page.matches]
        assert not page.truncated
        cursor = page.next_cursor
        if cursor is None:
            return places


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(query=queries)
def test_any_query_finds_what_a_plain_scan_finds(ann: Caller, query: str) -> None:
    understood = parse(query)
    assume(understood.terms or not understood.excluded)
    scanned = [seq for seq, text in enumerate(TEXTS, 1) if understood.matches(text)]
    assert found(ann, query) == scanned[::-1]


@settings(max_examples=300, deadline=None)
@given(phrase=st.lists(st.sampled_from(PIECES), min_size=1, max_size=3))
def test_the_short_look_for_a_phrase_overlooks_none(phrase: list[str]) -> None:
    for term in parse(f'"{" ".join(phrase)}"').terms:
        for text in (*TEXTS, " ".join(phrase), "_".join(phrase), "".join(map(str.title, phrase))):
            if term.needle is not None and term.needle in flatten(text):
                assert term.may_stand_in(text), (term.needle, text)


def test_a_text_that_repeats_a_long_phrase_all_but_its_end_is_no_burden() -> None:
    """It took a second and more, in which no other thread ran."""
    begun = time.process_time()
    assert not parse(f'"{"a " * 240}b"').suits("a " * 100_000)
    assert time.process_time() - begun < 0.3


def test_a_search_whose_time_is_over_says_where_it_stopped_and_goes_on_from_there(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a batch too: of long texts it may have hundreds, and each takes its time."""
    whole = found(ann, "user")
    assert len(whole) > 2
    monkeypatch.setattr(scanning, "_SECONDS", -1.0)
    places, cursor = [], None
    for _ in whole:
        page = search_messages(
            caller=ann, query="user", wanted=MessageFilter(), limit=100, cursor=cursor
        )
        assert len(page.matches) == 1
        places.append(page.matches[0].event.seq)
        cursor = page.next_cursor
    assert places == whole


def test_a_search_of_long_texts_holds_some_of_them_and_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five thousand messages of the largest size would be 20 GB."""
    caller = make_caller()
    events = [make_event(f"refund {'x' * 1_000}") for _ in range(200)]
    add_events(caller=caller, recording=Recording(session_id="long", events=events, batch=True))
    index_pending()
    monkeypatch.setattr(scanning, "MOST_BYTES", 40_000)
    places: list[int] = []
    page = search_messages(caller=caller, query="refund", wanted=MessageFilter(), limit=100)
    while page.truncated:
        assert 32 <= len(page.matches) <= 40
        places += [match.event.seq for match in page.matches]
        page = search_messages(
            caller=caller,
            query="refund",
            wanted=MessageFilter(),
            limit=100,
            cursor=page.next_cursor,
        )
    places += [match.event.seq for match in page.matches]
    assert places == list(range(200, 0, -1))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(query=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_text_at_all_is_a_query(ann: Caller, query: str) -> None:
    understood = parse(query[:500])
    if understood.terms or not understood.excluded:
        found(ann, query[:500])
    else:
        with pytest.raises(Invalid, match="name a word"):
            found(ann, query[:500])


@pytest.mark.parametrize("piece", [one for one in PIECES if words(one)])
def test_every_piece_of_a_text_finds_it(ann: Caller, piece: str) -> None:
    """Whatever the index makes of a text, what stands in it alone between spaces is found."""
    there = [seq for seq, text in enumerate(TEXTS, 1) if f" {piece} " in f" {text} "]
    assert set(there) <= set(found(ann, piece))


def naive(query: str, text: str) -> bool:
    """Look for one word, or for characters of a script without spaces, as simply as can be."""
    plain = [unicodedata.normalize("NFKD", one).casefold() for one in (query, text)]
    needle, hay = ("".join(c for c in one if not "\u0300" <= c <= "\u036f") for one in plain)
    if re.search(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\u1100-\u11ff\uac00-\ud7ff]", needle):
        return needle in hay
    return re.search(rf"(?<![^\W_]){re.escape(needle)}(?![^\W_])", hay) is not None


REAL = [
    ("tau-bench-airline.jsonl.gz", ["refund", "reservation", "insurance", "get_user_details"]),
    ("taskmaster4-coffee.jsonl.gz", ["latte", "oat", "caramel", "zzzz"]),
    ("crosswoz-val.jsonl.gz", ["酒店", "北京", "餐馆", "游玩时间", "元"]),
    ("oasst-samples.jsonl.gz", ["python", "fes", "simon", "enquete"]),
    ("bfcl-multi-turn.jsonl.gz", ["cafe", "naive", "sort"]),
    ("agent-frameworks.jsonl.gz", ["nino", "👋"]),
]


def messages(name: str, sessions: int) -> Iterator[dict[str, Any]]:
    """Yield messages of so many sessions from all over a file."""
    every = list(conversations(name))
    for session in every[:: max(len(every) // sessions, 1)]:
        yield from session["messages"]


@pytest.mark.parametrize(("name", "asked"), REAL, ids=lambda value: str(value)[:12])
def test_real_conversations_are_found_as_a_plain_scan_finds_them(
    name: str, asked: list[str]
) -> None:
    caller = make_caller()
    kept = [make_event(**one) for one in map(plain, messages(name, 60))]
    for start in range(0, len(kept), 1000):
        some = kept[start : start + 1000]
        add_events(caller=caller, recording=Recording(session_id="all", events=some, batch=True))
    index_pending()
    said = [text_of(plain(one)) for one in messages(name, 60)]
    for query in asked:
        scanned = [seq for seq, text in enumerate(said, 1) if naive(query, text)]
        assert found(caller, query) == scanned[::-1], query


def plain(message: dict[str, Any]) -> dict[str, Any]:
    """Return what of a message is searched."""
    kept = {
        key: message[key] for key in ("role", "content", "tool_calls", "name") if key in message
    }
    return kept if kept.get("role") else kept | {"role": "user"}
