"""Show where in a message a query was found: a passage, its marks, how good a match it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from memory_app.folding import fold
from memory_app.words import MAX_WORD, Query, Run, Term, runs

# How long a passage is, in characters, and how much of it stands before the first mark.
_LENGTH: Final = 200
_BEFORE: Final = 60
# Half of the score of one word comes with its first occurrence in a text of this many characters.
_USUAL_LENGTH: Final = 400
_SATURATION: Final = 1.2
_LENGTH_WEIGHT: Final = 0.75


class Mark(NamedTuple):
    """A marked part of a passage: from a character, up to and without another."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A passage of a message, and what of it is marked."""

    text: str
    marks: tuple[Mark, ...]

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Yield the passage in pieces, each with whether it is marked."""
        at = 0
        for mark in self.marks:
            if mark.start > at:
                yield self.text[at : mark.start], False
            yield self.text[mark.start : mark.end], True
            at = mark.end
        if at < len(self.text):
            yield self.text[at:], False


class Marker:
    """Finds a query in texts, to show it."""

    def __init__(self, query: Query) -> None:
        self._whole: set[str] = set()
        beginnings: list[str] = []
        chains: list[str] = []
        for term in query.terms:
            for run, begins in _last(term):
                if not run.parts:
                    chains.append(run.folded)
                elif begins:
                    beginnings.append(run.folded)
                else:
                    self._whole.add(run.folded[:MAX_WORD])
        self._beginnings = tuple(beginnings)
        self._chains = tuple(dict.fromkeys(chains))
        self._looked_for = (*self._whole, *self._beginnings, *self._chains)
        self._spelled = re.compile("|".join(map(re.escape, self._looked_for)) or "(?!)")

    def excerpt(self, text: str) -> Excerpt:
        """Return the passage around the first mark; without marks, the beginning."""
        for at in self._candidates(text):
            found = _passage(text, at)
            marks = tuple(self._marks(found.text))
            if marks:
                return Excerpt(found.text, marks)
        return Excerpt(_passage(text, 0).text, ())

    def _candidates(self, text: str) -> Iterator[int]:
        """Yield where the first mark may be: found without taking the text apart, if possible."""
        spelled = self._spelled.search(text.lower())
        if spelled is not None:
            yield min(spelled.start(), len(text))
        first = next(self._marks(text), None)
        if first is not None:
            yield first.start

    def _marks(self, text: str) -> Iterator[Mark]:
        """Yield what is to be marked; taking a text apart costs ten times as much as looking."""
        lowered = text.lower()
        plain = list(self._plain_marks(text, lowered)) if len(lowered) == len(text) else []
        if plain or text.isascii():
            yield from plain
            return
        for run in runs(text):
            if not run.parts:
                yield from self._in_chain(run)
            elif self._suits(run.folded) or any(self._suits(part) for part in run.parts):
                yield Mark(run.start, run.end)

    def _plain_marks(self, text: str, lowered: str) -> Iterator[Mark]:
        """Yield what is spelled as it is looked for, but for the case."""
        reached = 0
        for spelled in self._spelled.finditer(lowered):
            start, end = spelled.span()
            if start < reached:
                continue
            if spelled[0] in self._chains:
                yield Mark(start, end)
                reached = end
                continue
            while start > reached and _goes_on(text[start - 1]):
                start -= 1
            while end < len(text) and _goes_on(text[end]):
                end += 1
            for run in runs(text[start:end]):
                if self._suits(run.folded) or any(self._suits(part) for part in run.parts):
                    yield Mark(start + run.start, start + run.end)
            reached = end

    def _suits(self, word: str) -> bool:
        return word[:MAX_WORD] in self._whole or word.startswith(self._beginnings)

    def _in_chain(self, run: Run) -> Iterator[Mark]:
        marked: set[int] = set()
        for chain in self._chains:
            at = run.folded.find(chain)
            while at >= 0:
                marked.update(range(at, at + len(chain)))
                at = run.folded.find(chain, at + 1)
        if marked and len(run.folded) != run.end - run.start:
            # Folding changed the length: which of the characters were meant is not known.
            yield Mark(run.start, run.end)
            return
        for start in sorted(marked):
            if start - 1 not in marked:
                end = start
                while end in marked:
                    end += 1
                yield Mark(run.start + start, run.start + end)

    def score(self, text: str) -> float:
        """Return how good a match a text is, up to 100: how often the words occur for its length.

        The part of BM25 that needs no other texts: all that are compared have all of the words.
        """
        if not self._looked_for:
            return 0.0
        folded = text.lower()
        if self._spelled.search(folded) is None:
            folded = fold(text)
        share = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * len(folded) / _USUAL_LENGTH
        total = 0.0
        for one in self._looked_for:
            often = folded.count(one)
            total += often / (often + _SATURATION * share)
        return 100 * total / len(self._looked_for)


def _goes_on(character: str) -> bool:
    return character.isalnum() or character == "_"


def _last(term: Term) -> Iterator[tuple[Run, bool]]:
    """Yield the pieces of a term, each with whether only its beginning is given."""
    for place, run in enumerate(term.runs):
        yield run, term.is_prefix and place == len(term.runs) - 1


def _passage(text: str, at: int) -> Excerpt:
    """Cut a passage around a place, at spaces where there are some."""
    start, end = max(0, at - _BEFORE), min(len(text), at - min(at, _BEFORE) + _LENGTH)
    if start:
        space = text.find(" ", start, at)
        start = space + 1 if space >= 0 else start
    if end < len(text):
        space = text.rfind(" ", max(at + 1, end - 30), end)
        end = space if space > 0 else end
    passage = " ".join(text[start:end].split())
    return Excerpt(f"{'…' * (start > 0)}{passage}{'…' * (end < len(text))}", ())
