"""The reader refuses what two readers could understand differently, and keeps the rest exactly."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_app.errors import Invalid
from memory_app.strict_json import (
    Keep,
    Verbatim,
    canonical,
    decode,
    encode,
    members,
    merge_patch,
    same,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
)
KEYS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(KEYS, parts, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_what_is_read_is_what_was_written(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    read = decode(text.encode())
    assert read == value
    assert same(read, decode(text))
    assert same(decode(encode(read)), read)


@given(VALUES)
def test_a_kept_part_comes_with_its_very_text(value: Any) -> None:
    text = json.dumps(value, indent=1)
    read = decode(f'{{ "a" : {text} ,"b":[ {{"c":{text}}} ]}}', {"a": Keep, "b": [{"c": Keep}]})
    assert read["a"] == Verbatim(value, text)
    assert read["b"][0]["c"] == Verbatim(value, text)


@given(VALUES, VALUES)
def test_canonical_texts_are_equal_exactly_when_values_are_the_same(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == same(one, other)


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused_and_never_fails(raw: bytes | str) -> None:
    try:
        value = decode(raw)
    except Invalid:
        return
    assert json.loads(raw) == value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1,"b":2}', ' { "b" : 2,\n"a":1 } '),
        ("1.10", "1.1"),
        ("1e2", "100.0"),
        ("100.0", "1.000E+2"),
        ('"\\u00e9"', '"é"'),
        ('"\\ud83d\\ude00"', '"😀"'),
        ("-0.0", "0.0"),
        ("[]", "[ ]"),
    ],
)
def test_other_spellings_of_one_value_are_the_same(one: str, other: str) -> None:
    assert same(decode(one), decode(other))
    assert canonical(decode(one)) == canonical(decode(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1", "true"),
        ("0", "false"),
        ("1.0", "true"),
        ('"1"', "1"),
        ("null", "false"),
        ("[]", "{}"),
        ('{"a":null}', "{}"),
        ("[1,2]", "[2,1]"),
        ('"é"', '"e\\u0301"'),
        ('{"a":[{"b":1}]}', '{"a":[{"b":1.0}]}'),
        ("9007199254740993", "9007199254740992"),
    ],
)
def test_values_of_other_types_or_parts_are_not_the_same(one: str, other: str) -> None:
    assert not same(decode(one), decode(other))
    assert canonical(decode(one)) != canonical(decode(other))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\xc0\xaf"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'{"a":1}{"a":1}',
        b"[1,]",
        b'{"a":1,}',
        b"{'a':1}",
        b"[1 2]",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x10",
        b"1_000",
        "５".encode(),
        b"nul",
        b"True",
        b"// c\n1",
        b'"\x01"',
        b'"\x00"',
        b'"a\nb"',
        b'"\\x41"',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"[NaN]",
        b"1e400",
        b"-1e400",
        b"1" + b"0" * 400 + b".0",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"1" + b"0" * 5_000,
        b'"\\u0000"',
        b'"a\\u0000b"',
        b'{"\\u0000":1}',
        b'"\\ud800"',
        b'"\\uDC00"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800":1}',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":1}',
        b'[{"b":{"a":1,"a":2}}]',
        b"\x00",
        "\u00a0{}".encode(),
        "{}\u2028".encode(),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_ambiguous_text_is_refused(raw: bytes, wrapped: bool) -> None:
    body = b'{"message": ' + raw + b"}" if wrapped else raw
    with pytest.raises(Invalid) as refused:
        decode(body, {"message": Keep})
    assert [fault.loc for fault in refused.value.faults] == [("body",)]


@pytest.mark.parametrize("number", ["9223372036854775807", "-9223372036854775808", "0", "-0"])
def test_integers_of_64_bits_are_read(number: str) -> None:
    assert decode(number) == int(number)


@pytest.mark.parametrize("number", ["1.10", "1E5", "-0.0", "1e-400", "1.7976931348623157e308"])
def test_a_float_is_written_back_as_it_was_spelled(number: str) -> None:
    read = decode(f"[{number}]")
    assert math.isfinite(read[0])
    assert encode(read) == f"[{number}]"


def test_64_levels_are_read_and_65_refused() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        for inner in ("1", '"[[[[{{{{"'):
            assert decode(opening * 64 + inner + closing * 64)
            with pytest.raises(Invalid, match="64 levels"):
                decode(opening * 65 + inner + closing * 65)


def test_levels_are_counted_over_the_whole_text_also_around_kept_parts() -> None:
    shape = {"events": [{"message": Keep}]}
    inner = "[" * 61 + "]" * 61
    assert decode(f'{{"events":[{{"message":{inner}}}]}}', shape)
    with pytest.raises(Invalid, match="64 levels"):
        decode(f'{{"events":[{{"message":[{inner}]}}]}}', shape)


@pytest.mark.parametrize("depth", [500, 990, 10_000, 200_000])
def test_hostile_depth_is_refused_without_a_failure(depth: int) -> None:
    for raw in ("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        with pytest.raises(Invalid):
            decode(raw)


def test_a_text_full_of_brackets_is_not_deep() -> None:
    assert decode(json.dumps(["[" * 1_000, "{" * 1_000])) == ["[" * 1_000, "{" * 1_000]
    assert decode("[" + ",".join(["[]"] * 1_000) + "]") == [[]] * 1_000


def test_a_refusal_never_names_content() -> None:
    for raw in ('{"Mira\'s secret": 1, "Mira\'s secret": 2}', '"secret \\ud800"', "[secret]"):
        with pytest.raises(Invalid) as refused:
            decode(raw)
        assert "ecret" not in refused.value.detail


def test_members_come_in_their_order_with_their_text() -> None:
    text = ' { "b" : 1.10 , "a":[1, {"c": null}],"é":"\\u00e9" } '.strip()
    decode(text)
    assert [(key, value.text) for key, value in members(text)] == [
        ("b", "1.10"),
        ("a", '[1, {"c": null}]'),
        ("é", '"\\u00e9"'),
    ]
    assert members("{ }") == []


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # The examples of RFC 7396, appendix A.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_follows_its_standard(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result
