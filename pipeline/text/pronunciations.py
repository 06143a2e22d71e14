"""How the words of a transcript may be pronounced, in the symbols of the corpus's language and in ARPAbet beside them."""

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from pipeline.text.espeak import pronounce, pronounce_clause
from pipeline.text.phone_map import arpabet_of
from schemas.errors import RowError
from schemas.reasons import Reason

_MARKS = "ˈˌ-"
_DROPPED_VOWEL = "ə"
_MOST_CHOICES = 3  # schwas a word that are dropped or kept one by one
_AFTER_DROPPED = frozenset("nmŋlrɾɹʁ")


class Pronunciation(NamedTuple):
    """One way to say a word: its phones, and the ARPAbet phones that stand for each of them."""

    phones: tuple[str, ...]
    arpabet: tuple[tuple[str, ...], ...]

    def spelled(self) -> str:
        """All ARPAbet phones, separated by spaces."""
        return " ".join(name for group in self.arpabet for name in group)


def pronunciations(words: list[str], language: str) -> list[tuple[Pronunciation, ...]]:
    """Pronunciations of each word, the likeliest first, no two with the same ARPAbet phones.

    espeak-ng reads the words together (function words are reduced, French liaisons are made) and each on its own; of both, schwas
    before sonorants may be left out (German "Lappen" may end in pn).

    Parameters
    ----------
    words
        As `pipeline.text.normalise.words` gives them.
    language
        espeak-ng voice such as ``de``.

    Raises
    ------
    RowError
        OUT_OF_VOCABULARY if espeak-ng says nothing for a word, or uses a sound without a place in the map; the word is named.
    ParamsError
        If espeak-ng has no such voice.
    """
    together = pronounce_clause(" ".join(words), language)
    in_clause = together if len(together) == len(words) else [[] for _ in words]
    return [_of_word(word, tuple(clause), language) for word, clause in zip(words, in_clause, strict=True)]


@lru_cache(maxsize=50_000)
def _of_word(word: str, in_clause: tuple[str, ...], language: str) -> tuple[Pronunciation, ...]:
    alone = [phone for token in pronounce(word, language) for phone in token]
    found: dict[str, Pronunciation] = {}
    for spoken in (in_clause, alone):
        phones = tuple(phone.strip(_MARKS) for phone in spoken)
        for kept in _with_fewer_schwas(phones):
            if kept:
                said = Pronunciation(kept, tuple(arpabet_of(phone) for phone in kept))
                found.setdefault(said.spelled(), said)
    if not found:
        raise RowError(Reason.OUT_OF_VOCABULARY, f"espeak-ng has no pronunciation for {word!r}; write it another way in the transcript")
    return tuple(found.values())


def _with_fewer_schwas(phones: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The phones with each choice of droppable schwas left out, the full form first; all or none of them where there are many."""
    droppable = [at for at, phone in enumerate(phones) if phone == _DROPPED_VOWEL and _may_drop(phones, at)]
    n_dropped = range(len(droppable) + 1) if len(droppable) <= _MOST_CHOICES else (0, len(droppable))
    choices = [set(chosen) for n in n_dropped for chosen in combinations(droppable, n)]
    return [tuple(phone for at, phone in enumerate(phones) if at not in chosen) for chosen in choices]


def _may_drop(phones: tuple[str, ...], at: int) -> bool:
    return 0 < at < len(phones) - 1 and phones[at + 1][0] in _AFTER_DROPPED
