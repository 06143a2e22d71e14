"""True phone and word times from the events that espeak-ng reports while it speaks.

What espeak-ng 1.52 marks (its ``Generate``, and what the spectrogram shows):

- A phone's event stands where its sound starts. The closure of a stop, and a gap of about 12 ms before some fricatives, are
  written before the event as zeros; they belong to the phone, so its start is moved back over them.
- A word's event stands before the gap of its first phone, so it is that phone's start when no pause comes between.
- A vowel after a nasal or liquid has its event only after the transition into it. After a nasal the start is put where the energy
  jumps (about 40 ms earlier); after a liquid nothing jumps, and the event stays.
- An l after a vowel and before a consonant or pause is sounded inside the vowel and has no length of its own: the two become one
  phone, such as ``ɛl`` in "shelf" (espeak-ng itself writes ``əl``).
- A pause is a phone event with an empty name. So is a linking glide ("the apple"), but it sounds: it is joined to the vowel.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.tables.alignments import SILENCE, Interval

_STRESS = str.maketrans("", "", "ˈˌ")
_VOWEL_LETTERS = frozenset("aeiouɑɒæʌəɐɔɛɪᵻʊɜɚ")
_NASALS = frozenset("mnŋ")
_LIQUIDS = frozenset("lɹjw")
_CLOSURE_STEPS = 8  # int16 steps: zeros, with what filters leave
_NO_LENGTH_SAMPLES = 110  # 5 ms
_JUMP_WINDOW_SAMPLES = 265  # 12 ms, a period of the lowest voices
_GLIDE_LEVEL = 0.4  # of the utterance's RMS: pauses measured at 0.0, linking glides at 0.8 to 1.7


@dataclass(frozen=True)
class Event:
    """A word or phone that starts at `sample`; `text_index` is the character of the text (from 0) that a word starts at."""

    kind: Literal["word", "phone"]
    sample: int
    text_index: int
    name: str


@dataclass(frozen=True)
class _Mark:
    label: str
    event_sample: int
    sample: int
    token: int


def intervals(
    text: str, events: Sequence[Event], samples: NDArray[np.int16], sample_rate_hz: int
) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
    """Phones that tile the audio, and words.

    Parameters
    ----------
    text
        What was spoken.
    events
        In order of time.
    samples
        The audio, int16 of shape (n,).
    sample_rate_hz
        Samples a second.

    Returns
    -------
    phones, words
        Phones are IPA without stress marks, pauses are `SILENCE`, they tile [0, n / sample_rate_hz]. A word is a white-space
        separated token of `text` in lower case without outer punctuation; tokens that espeak-ng joins ("of the") stay joined.
    """
    tokens = list(re.finditer(r"\S+", text))
    marks = _tiling(_marks(events, samples, [token.start() for token in tokens]), len(samples))
    ends = [mark.sample for mark in marks[1:]] + [len(samples)]
    spans = [
        (mark, Interval(mark.label, mark.sample / sample_rate_hz, end / sample_rate_hz)) for mark, end in zip(marks, ends, strict=True)
    ]
    spans = [(mark, span) for mark, span in spans if span.end_s > span.start_s]
    return tuple(span for _, span in spans), _words([token.group() for token in tokens], spans)


def _marks(events: Sequence[Event], samples: NDArray[np.int16], token_starts: list[int]) -> list[_Mark]:
    marks: list[_Mark] = []
    word_sample: int | None = None
    token = 0
    level = _rms(samples)
    phones = [event.sample for event in events if event.kind == "phone"]
    for event in events:
        if event.kind == "word":
            word_sample = event.sample
            token = max(0, int(np.searchsorted(token_starts, event.text_index, side="right")) - 1)
            continue
        phones.pop(0)
        label = event.name.translate(_STRESS) or SILENCE
        if label == SILENCE and _rms(samples[event.sample : phones[0] if phones else None]) > _GLIDE_LEVEL * level:
            continue
        marks.append(_Mark(label, event.sample, _start(label, event.sample, word_sample, marks, samples), token))
        word_sample = None
    return marks


def _start(label: str, event_sample: int, word_sample: int | None, marks: list[_Mark], samples: NDArray[np.int16]) -> int:
    """Where the phone of an event starts, given the marks before it and the word event (if any) since the last of them."""
    if SILENCE in (label, marks[-1].label if marks else SILENCE):
        return event_sample
    before = marks[-1]
    if label[0] in _VOWEL_LETTERS and before.label[-1] in _NASALS:
        return _jump(samples, before.event_sample, event_sample)
    if label[0] in _VOWEL_LETTERS and before.label[-1] in _LIQUIDS:
        return event_sample
    return word_sample if word_sample is not None else _closure_start(samples, before.sample, event_sample)


def _closure_start(samples: NDArray[np.int16], earliest: int, event_sample: int) -> int:
    """Start of the run of zeros that ends at `event_sample`, not before `earliest`."""
    loud = np.flatnonzero(np.abs(samples[earliest:event_sample].astype(np.int32)) > _CLOSURE_STEPS)
    return earliest + int(loud[-1]) + 1 if len(loud) else earliest


def _jump(samples: NDArray[np.int16], earliest: int, latest: int) -> int:
    """Where the energy above the murmur of a nasal rises most: the largest ratio between 12 ms after and 12 ms before."""
    window = _JUMP_WINDOW_SAMPLES
    if latest - earliest <= 2 * window:
        return latest
    bright = np.diff(samples[earliest : latest + window].astype(np.float64)) ** 2  # a difference lifts high frequencies
    energy = np.concatenate([[0.0], np.cumsum(bright)])
    at = np.arange(window, latest - earliest)
    after = energy[np.minimum(at + window, len(bright))] - energy[at]
    ratio = after / (energy[at] - energy[at - window] + 1.0)
    return earliest + int(at[np.argmax(ratio)])


def _rms(samples: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0


def _tiling(marks: list[_Mark], n_samples: int) -> list[_Mark]:
    """Marks from sample 0 on: neighbouring silences are one, and a phone without length is joined to the one before."""
    tiling = [_Mark(SILENCE, 0, 0, 0)]
    for mark, end in zip(marks, [*(mark.sample for mark in marks[1:]), n_samples], strict=True):
        if SILENCE not in (mark.label, tiling[-1].label) and end - mark.sample < _NO_LENGTH_SAMPLES:
            tiling[-1] = replace(tiling[-1], label=tiling[-1].label + mark.label)
        elif not mark.label == tiling[-1].label == SILENCE:
            tiling.append(mark)
    return tiling


def _words(tokens: list[str], spans: list[tuple[_Mark, Interval]]) -> tuple[Interval, ...]:
    spoken = [(mark.token, span) for mark, span in spans if mark.label != SILENCE]
    order = sorted({token for token, _ in spoken})
    words = []
    for token, following in zip(order, [*order[1:], len(tokens)], strict=True):
        label = " ".join(filter(None, (_bare(part) for part in tokens[token:following])))
        own = [span for at, span in spoken if at == token]
        words.append(Interval(label, own[0].start_s, own[-1].end_s))
    return tuple(words)


def _bare(token: str) -> str:
    return re.sub(r"^\W+|\W+$", "", token.lower())
