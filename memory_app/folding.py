"""Texts as they are looked for: without case, accents, widths and invisible characters."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

# Marks that readers leave out when they type: accents, Hebrew points, Arabic vowels.
_LEFT_OUT: Final = (
    (0x0300, 0x036F),
    (0x0591, 0x05C7),
    (0x0610, 0x061A),
    (0x0640, 0x0640),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06ED),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F),
    (0xE0100, 0xE01EF),
)
# Letters that Unicode does not take apart.
_ALIKE: Final = dict(
    zip(
        map(ord, "øØđĐðÐłŁħĦıŧŦæÆœŒ"),
        ("o", "o", "d", "d", "d", "d", "l", "l", "h", "h", "i", "t", "t", "ae", "ae", "oe", "oe"),
        strict=True,
    )
)


class _Letters(dict[int, int | str | None]):
    """What becomes of a character, looked up once each."""

    def __missing__(self, code: int) -> int | str | None:
        left_out = any(first <= code <= last for first, last in _LEFT_OUT)
        invisible = unicodedata.category(chr(code)) == "Cf"
        kept: int | str | None = None if left_out or invisible else _ALIKE.get(code, code)
        self[code] = kept
        return kept


_letters: Final = _Letters()


def fold(text: str) -> str:
    """Return a text without case, accents, widths and invisible characters."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).translate(_letters)
    # Casefolding takes a few letters apart anew.
    again = unicodedata.normalize("NFKD", apart.casefold()).translate(_letters)
    return unicodedata.normalize("NFC", again)


class Needle:
    """What somebody looks for in texts, letter for letter as they fold: `uber` finds `Über`."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.folded = fold(text)

    def __bool__(self) -> bool:
        return bool(self.folded)

    def is_in(self, text: str) -> bool:
        """Tell whether a text holds it."""
        return bool(self.folded) and self.folded in fold(text)

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where a text holds it: from a character, up to and without another."""
        if not self.is_in(text):
            return
        folded, starts, ends = _with_places(text)
        last, at = 0, folded.find(self.folded)
        while at >= 0:
            beyond = at + len(self.folded)
            start, end = starts[at], ends[beyond - 1]
            if start >= last:
                yield start, end
                last = end
            at = folded.find(self.folded, beyond)


def _with_places(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """Return a text folded, and where in the text each of its characters begins and ends."""
    if text.isascii():
        return text.lower(), range(len(text)), range(1, len(text) + 1)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        piece = fold(text[start:end]) if end - start > 1 else _fold_one(text[start])
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
    return "".join(pieces), starts, ends


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Yield the pieces of a text that fold by themselves: a character and what joins onto it."""
    start = 0
    for at in range(1, len(text)):
        if not _joins(text[at]):
            yield start, at
            start = at
    yield start, len(text)


@cache
def _fold_one(character: str) -> str:
    return fold(character)


@cache
def _joins(character: str) -> bool:
    """Tell whether a character is folded together with the one before it."""
    first = unicodedata.normalize("NFKD", character)[0]
    is_vowel_of_korean = "\u1160" <= first <= "\u11ff"
    return (
        is_vowel_of_korean or _letters[ord(first)] is None or unicodedata.category(first)[0] == "M"
    )
