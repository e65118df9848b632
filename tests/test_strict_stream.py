"""A large object is read piece by piece, and as strictly as a small one."""

import io
import json
from typing import Any

import pytest

from memory_app.errors import Invalid, TooLarge
from memory_app.strict_json import Keep, decode
from memory_app.strict_stream import ObjectStream


class Drip(io.BytesIO):
    """A file that gives a few bytes at a time, so that every value ends in another piece."""

    def __init__(self, raw: bytes, most: int) -> None:
        super().__init__(raw)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        """Give a few bytes."""
        return super().read(min(size or -1, self.most) if size and size > 0 else self.most)


def read(raw: bytes, most: int = 2**20) -> tuple[list[Any], dict[str, Any]]:
    stream = ObjectStream(Drip(raw, most), "messages", {"metadata": Keep})
    items = [item.value for item in stream]
    return items, stream.members


@pytest.mark.parametrize("most", [1, 2, 3, 7, 2**20])
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        ' { "messages" : [ ] } ',
        '{"a": 1e5 ,"messages":[ {"x":1.5e+3}, 12 , -0.0, 1E-2],"b":[1,2]}',
        '{"messages":["é😀\\n\\u00e9", null, true],"metadata":{"é": 10}, "c": -7}',
        '{"metadata": 12, "messages": [[[]], {}]}\r\n',
    ],
)
def test_what_is_read_in_pieces_is_what_was_written(text: str, most: int) -> None:
    items, members = read(text.encode(), most)
    expected = json.loads(text)
    assert items == expected.get("messages", [])
    assert members.get("messages", 0) == len(items)
    if "metadata" in expected:
        assert members["metadata"].value == expected["metadata"]
    assert {key: members[key] for key in expected if key not in ("messages", "metadata")} == {
        key: expected[key] for key in expected if key not in ("messages", "metadata")
    }


@pytest.mark.parametrize("most", [1, 3, 2**20])
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b'{"a":1',
        b'{"a":1}x',
        b'{"a":1}{}',
        b'{"a":1,}',
        b'{"a" 1}',
        b"{a:1}",
        b'{"a":tru}',
        b'{"messages":[1,]}',
        b'{"messages":[1 2]}',
        b'{"messages":[1',
        b'{"messages":[1]"b":2}',
        b'{"messages":[],"messages":[]}',
        b'{"a":1,"a":2}',
        b'{"messages":[{"a":1,"a":2}]}',
        b'{"a":"\xff"}',
        b'{"a":NaN}',
        b'{"messages":[1e999]}',
        b'{"messages":["\\ud800"]}',
        b'{"messages":["\\u0000"]}',
        b'{"messages":[99999999999999999999]}',
        b'{"messages":[' + b"[" * 65 + b"]" * 65 + b"]}",
        b'{"messages":' + b"[" * 100_000,
    ],
)
def test_what_strict_json_refuses_is_refused_in_pieces_too(raw: bytes, most: int) -> None:
    with pytest.raises(Invalid):
        decode(raw)
    with pytest.raises((Invalid, TooLarge)):
        read(raw, most)


def test_a_single_value_cannot_fill_the_memory() -> None:
    with pytest.raises(TooLarge):
        read(b'{"messages":["' + b"x" * (40 * 2**20) + b'"]}')


def test_only_an_object_is_read() -> None:
    with pytest.raises(Invalid):
        read(b"[]")
