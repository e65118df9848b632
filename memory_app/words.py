"""Words: what a text is found by. Made here once, for both databases, the index and the query.

PostgreSQL's parser follows the server's locale, and neither database divides scripts that are
written without spaces. A word is folded (case, accents, widths). Chinese, Japanese, Korean, Thai
and their like are single characters, many of which are words, and pairs of neighbouring ones, so
that any part of a word finds it. Identifiers are words as a whole and in part. Emoji and other
symbols are words of one character.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

from memory_app.folding import fold

# Both the rules here and Python's Unicode tables decide on the words: another version of either
# means that the index is made anew.
VERSION: Final = f"2/{unicodedata.unidata_version}"
# A longer word is found by its beginning, and looked for whole in the text.
MAX_WORD: Final = 64

# Scripts without spaces, and Korean, which hangs its particles onto words.
_CHAINED: Final = (
    "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1050-\u108f\u1100-\u11ff\u1780-\u17d3\u17dc-\u17dd"
    "\u3005-\u3007\u3041-\u3096\u3099-\u309f\u30a1-\u30ff\u3105-\u312f\u3131-\u318e\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb\uf900-\ufaff\uff66-\uffdc"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_PIECE: Final = re.compile(f"[{_CHAINED}]+|[^{_CHAINED}]+")
_CHAIN: Final = re.compile(f"[{_CHAINED}]")
_ASCII_RUN: Final = re.compile(r"[A-Za-z0-9_]+")
_IDENTIFIER: Final = re.compile(r"_|[a-z0-9][A-Z]|[A-Z]{2}[a-z]{2}")
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# What folding may bring into a word and a word may not hold: the databases read it as syntax.
_UNSAFE: Final = re.compile(r"[\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\xa0\s]+")
_BASE64: Final = re.compile(
    r"data:[^,\s]{0,200};base64,[A-Za-z0-9+/=_-]*|[A-Za-z0-9+/]{256,}={0,2}"
)


def without_base64(text: str) -> str:
    """Return a text without what is written in base64: files, not words."""
    return _BASE64.sub(" ", text) if len(text) > 20 else text


class Run(NamedTuple):
    """A piece of a text, folded: a word with its parts, or a chain of characters without spaces."""

    start: int
    end: int
    folded: str
    parts: tuple[str, ...]  # none for a chain

    @property
    def flat(self) -> str:
        """Return the piece as phrases are compared."""
        return " ".join(self.parts) or self.folded

    def words(self) -> Iterator[str]:
        """Yield what the piece is found by."""
        if self.parts:
            yield self.folded[:MAX_WORD]
            if len(self.parts) > 1 or self.parts[0] != self.folded:
                yield from (part[:MAX_WORD] for part in self.parts)
            return
        chain = self.folded
        yield from chain
        yield from (chain[at : at + 2] for at in range(len(chain) - 1))


def runs(text: str) -> Iterator[Run]:
    """Yield the pieces of a text in their order."""
    if text.isascii():
        for match in _ASCII_RUN.finditer(text):
            run = _ascii_run(match.start(), match[0])
            if run is not None:
                yield run
        return
    for match in _any_run().finditer(text):
        for piece in _PIECE.finditer(match[0]):
            run = _run(match.start() + piece.start(), piece[0])
            if run is not None:
                yield run


def _ascii_run(start: int, run: str) -> Run | None:
    folded = run.lower()
    if _IDENTIFIER.search(run) is None:
        return Run(start, start + len(run), folded, (folded,))
    parts = tuple(part.lower() for part in _PARTS.findall(run))
    return Run(start, start + len(run), folded, parts) if parts else None


def _run(start: int, piece: str) -> Run | None:
    if piece.isascii():
        return _ascii_run(start, piece)
    folded = _UNSAFE.sub("", fold(piece))
    if not folded:
        return None
    end = start + len(piece)
    if _CHAIN.match(piece):
        return Run(start, end, folded, ())
    parts = tuple(part for part in folded.split("_") if part)
    return Run(start, end, folded, parts) if parts else None


def prepare() -> None:
    """Do what the first text that is not ASCII would wait for: half a second of CPU."""
    _any_run()


@cache
def _any_run() -> re.Pattern[str]:
    """Return what finds words of any script: letters, digits and marks together, symbols alone.

    Python's own class of letters leaves out marks, which are vowels in half the scripts of Asia.
    """
    inside, alone = [], []
    for code in range(0x80, 0xE0200):
        if 0x3400 <= code < 0xA000 or 0xAC00 <= code < 0xE000 or 0x20000 <= code < 0xE0000:
            continue  # ideographs and syllables, or nothing; a shorter look
        kind = unicodedata.category(chr(code))
        # The zero-width space divides words; other invisible characters are inside of them.
        if kind[0] == "M" or (kind == "Cf" and code != 0x200B):
            inside.append(code)
        elif kind[0] == "S":
            alone.append(code)
    return re.compile(f"[\\w{_ranges(inside)}]+|[{_ranges(alone)}]")


def _ranges(codes: list[int]) -> str:
    """Write sorted code points as the inside of a character class."""
    text, at = "", 0
    while at < len(codes):
        first = last = codes[at]
        while at + 1 < len(codes) and codes[at + 1] == last + 1:
            at, last = at + 1, last + 1
        text += f"\\U{first:08x}-\\U{last:08x}"
        at += 1
    return text


def words(text: str) -> set[str]:
    """Return all that a text is found by."""
    pieces = set((_ASCII_RUN if text.isascii() else _any_run()).findall(text))
    # Most pieces are words as they stand: taking them apart costs ten times as much.
    found = {
        piece
        for piece in pieces
        if piece.islower() and piece.isascii() and "_" not in piece and len(piece) <= MAX_WORD
    }
    for piece in pieces - found:
        if piece.isascii() and len(piece) <= MAX_WORD and _IDENTIFIER.search(piece) is None:
            found.add(piece.lower())
        else:
            for run in runs(piece):
                found.update(run.words())
    return found


def flatten(text: str) -> str:
    """Return a text as phrases are looked for in it: folded words with one space around each."""
    if text.isascii() and _IDENTIFIER.search(text) is None:
        return f" {' '.join(_ASCII_RUN.findall(text.lower()))} "
    return f" {' '.join(run.flat for run in runs(text))} "


class Word(NamedTuple):
    """What the index is asked for: a word, or the beginning of one."""

    text: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that a query looks for. `needle` is set where the words alone do not decide."""

    words: tuple[Word, ...]
    needle: str | None
    runs: tuple[Run, ...]
    is_prefix: bool

    def may_stand_in(self, text: str) -> bool:
        """Tell without taking a text apart whether the words may stand side by side in it.

        Most messages with both words of a phrase have them apart: 1 microsecond instead of 30.
        """
        if self.needle is None or not text.isascii():
            return True
        parts = [part for run in self.runs for part in run.parts or (run.folded,)]
        return _side_by_side(tuple(parts[:_COMPARED])).search(text.lower()) is not None


# A text that repeats a long phrase all but its end is gone through once for each word of it, and no
# other thread runs meanwhile: half a second to two for 240 words. So the first ones stand for all.
_COMPARED: Final = 4


@lru_cache(maxsize=16)
def _side_by_side(parts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("[^0-9a-z]*".join(map(re.escape, parts)))


@dataclass(frozen=True, slots=True)
class Query:
    """What a person or an agent typed, understood. Without terms it finds nothing."""

    terms: tuple[Term, ...]
    excluded: tuple[Term, ...]

    @property
    def confirms(self) -> bool:
        """Tell whether a hit of the index must be looked at in the text."""
        return any(term.needle is not None for term in (*self.terms, *self.excluded))

    def suits(self, text: str) -> bool:
        """Tell whether a text that has the words also has the phrases."""
        asked = [term for term in self.terms if term.needle is not None]
        if all(_is_spelled(text, term) for term in asked) and not self.excluded:
            return True
        if not all(term.may_stand_in(text) for term in asked):
            return False
        flat = flatten(text)
        return all(str(term.needle) in flat for term in asked) and not any(
            term.needle is not None and term.needle in flat and _has(words(text), term)
            for term in self.excluded
        )

    def matches(self, text: str) -> bool:
        """Tell whether a text is what the query looks for: the scan that the index must equal."""
        there = words(text)
        return (
            bool(self.terms)
            and all(_has(there, term) for term in self.terms)
            and not any(_has(there, term) for term in self.excluded if term.needle is None)
            and self.suits(text)
        )


def _is_spelled(text: str, term: Term) -> bool:
    """Tell whether a chain of characters stands in a text as it was typed, letter for letter."""
    is_chain = not any(run.parts for run in term.runs)
    return is_chain and str(term.needle) in text and unicodedata.is_normalized("NFC", text)


def _has(there: set[str], term: Term) -> bool:
    return all(
        any(one.startswith(word.text) for one in there) if word.is_prefix else word.text in there
        for word in term.words
    )


_CHUNK: Final = re.compile(r'(-?)(?:["“”]([^"“”]*)["“”]?(\*?)|([^\s"“”]+))')


def parse(text: str) -> Query:
    """Understand a query: words, "phrases", prefix*, -exclusion. Whatever is typed is a query."""
    terms: list[Term] = []
    excluded: list[Term] = []
    for minus, phrase, star, chunk in _CHUNK.findall(text):
        term = _term(phrase or chunk, is_prefix=bool(star) or chunk.endswith("*"))
        if term is not None:
            (excluded if minus else terms).append(term)
    return Query(tuple(dict.fromkeys(terms)), tuple(dict.fromkeys(excluded)))


def _term(text: str, *, is_prefix: bool) -> Term | None:
    found = tuple(run._replace(start=0, end=0) for run in runs(text))
    if not found:
        return None
    asked: dict[Word, None] = {}
    for place, run in enumerate(found):
        begins = is_prefix and place == len(found) - 1
        asked.update(dict.fromkeys(_asked(run, begins)))
    first, last = found[0], found[-1]
    decided = len(found) == 1 and len(first.folded) <= (MAX_WORD if first.parts else 2)
    needle = None
    if not decided:
        needle = " " * bool(first.parts) + " ".join(run.flat for run in found)
        ends_inside = is_prefix or len(last.folded) > MAX_WORD
        needle += " " * (bool(last.parts) and not ends_inside)
    return Term(tuple(asked), needle, found, is_prefix)


def _asked(run: Run, begins: bool) -> Iterator[Word]:
    if run.parts:
        yield Word(run.folded[:MAX_WORD], begins and len(run.folded) <= MAX_WORD)
    elif len(run.folded) == 1:
        yield Word(run.folded)
    else:
        yield from (Word(run.folded[at : at + 2]) for at in range(len(run.folded) - 1))
