"""Texts with words as people use them: few of them often, most of them hardly ever."""

import itertools
import random
from collections.abc import Iterator
from typing import Final

# What the searches ask for, and in one of how many messages it stands.
RARE: Final = ("quokka", 5_000)
MIDDLING: Final = ("invoice", 250)
COMMON: Final = ("please", 6)
CHINESE: Final = ("退款申请", 50)
EMOJI: Final = ("🎉", 100)
_SYLLABLES: Final = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en")]
_WORDS: Final = 50_000
_LENGTH: Final = 45


def texts(seed: int = 7) -> Iterator[str]:
    """Yield texts of about 300 characters, the same ones each time."""
    chance = random.Random(seed)  # noqa: S311
    vocabulary = [
        "".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(_WORDS)
    ]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(_WORDS)))
    for _ in itertools.count():
        words = chance.choices(vocabulary, cum_weights=weights, k=_LENGTH)
        for word, one_in in (RARE, MIDDLING, COMMON, CHINESE, EMOJI):
            if chance.random() < 1 / one_in:
                words.insert(chance.randrange(_LENGTH), word)
        yield " ".join(words)
