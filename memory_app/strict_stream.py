"""Read one large JSON object piece by piece, as strictly as strict_json reads a small one."""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final, NoReturn

from memory_app.conf import KB, MAX_BODY_BYTES, MB
from memory_app.errors import Invalid, TooLarge
from memory_app.strict_json import Keep, Shape, read_value, refusal

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_CHUNK: Final = 256 * KB
_AFTER_A_VALUE: Final = ",]}:"
_TAIL_OF_A_NUMBER: Final = len("e+")


class ObjectStream:
    """Yields the items of one array member, each with its text; the other members are kept.

    What is in memory is one item, or one other member, whatever the size of the array. `shape` says
    which other members keep their text. All members are known when the iteration has ended, the
    array as how many items it had. Raises Invalid and TooLarge, which name no content.
    """

    def __init__(self, file: IO[bytes], array: str, shape: Mapping[str, Shape]) -> None:
        self.members: dict[str, Any] = {}
        self._file = file
        self._array = array
        self._shape = shape
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._passed = 0  # characters before the text that is in memory
        self._ended = False

    def __iter__(self) -> Iterator[Any]:
        """Read the object from its beginning, once."""
        try:
            self._expect("{")
            if self._next() == "}":
                self._at += 1
            else:
                yield from self._read_members()
            if self._next():
                self._refuse("Extra text")
        except UnicodeDecodeError:
            raise Invalid.at((), "the text is not valid UTF-8") from None
        except json.JSONDecodeError as problem:
            problem.pos += self._passed
            raise refusal(problem, ()) from None
        except (ValueError, RecursionError) as problem:
            raise refusal(problem, ()) from None

    def _read_members(self) -> Iterator[Any]:
        while True:
            if self._next() != '"':
                self._refuse("Expecting property name enclosed in double quotes")
            key = self._value(None, 1)
            if key in self.members:
                raise Invalid.at((), "an object names a key twice")
            self._expect(":")
            if key == self._array and self._next() == "[":
                self.members[key] = 0
                yield from self._read_items()
            else:
                self.members[key] = self._value(self._shape.get(key), 2)
            if self._either(",", "}") == "}":
                return

    def _read_items(self) -> Iterator[Any]:
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return
        while True:
            # Counted from here, an item may be as deep as a call to the API lets it be.
            item = self._value(Keep, 1)
            self.members[self._array] += 1
            yield item
            if self._either(",", "]") == "]":
                return

    def _value(self, shape: Shape, depth: int) -> Any:
        """Read the next value; read on in the file where the text in memory ends within it."""
        self._next()
        while True:
            try:
                value, end = read_value(self._text, self._at, shape, depth)
            except json.JSONDecodeError:
                if self._ended:
                    raise
            else:
                if self._ended or self._is_whole(end):
                    self._at = end
                    return value
            self._fill()

    def _is_whole(self, end: int) -> bool:
        """Tell whether what ends here cannot go on, as the 1 of 1e5 would, in what follows."""
        after = _skip(self._text, end)
        left = len(self._text) - after
        return left > _TAIL_OF_A_NUMBER or (left > 0 and self._text[after] in _AFTER_A_VALUE)

    def _next(self) -> str:
        """Go to the next character that is not white space and return it; at the end, nothing."""
        while True:
            self._at = _skip(self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            self._refuse(f"Expecting '{mark}'")
        self._at += 1

    def _either(self, one: str, other: str) -> str:
        found = self._next()
        if found not in (one, other) or not found:
            self._refuse(f"Expecting '{one}' or '{other}'")
        self._at += 1
        return found

    def _refuse(self, expectation: str) -> NoReturn:
        raise json.JSONDecodeError(expectation, self._text, self._at)

    def _fill(self) -> bool:
        """Take more of the file into memory and drop what was read; False at its end."""
        if self._ended:
            return False
        rest = self._text[self._at :]
        if len(rest) > MAX_BODY_BYTES:
            raise TooLarge(f"a value is not JSON, or has more than {MAX_BODY_BYTES // MB} MB")
        # Doubled, so that a value that ends late is not read from its beginning too often.
        chunk = self._file.read(max(_CHUNK, len(rest)))
        self._ended = not chunk
        self._passed += self._at
        self._text = rest + self._decoder.decode(chunk, final=self._ended)
        self._at = 0
        return not self._ended


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]
