"""Refinement: shifted boundaries come back, and nothing depends on order."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.aligners import refine
from pipeline.aligners.refine import SAMPLE_RATE_HZ, Frames, Model, even_path, frames, joined, learn, moved, segment, states_of, statistics
from pipeline.audio import resample
from pipeline.text.espeak import VoiceSettings, speak
from schemas.tables.alignments import SILENCE, Interval

REACH_S = 0.06
TEXTS = (
    "The old sailor told us a story.", "Seven boats returned to the harbour.", "We walked home along the river.",
    "A cold wind came from the north.", "She put the letters into a box.", "Nobody saw the red car again.",
    "They were singing in the garden.", "He forgot to close the window.", "Our train leaves at seven.", "It rained all day long.",
)  # fmt: skip


def said(text: str) -> tuple[Frames, list[Interval]]:
    """Frames of espeak-ng's speech with a little noise, and its true phones."""
    speech = speak(text, VoiceSettings("en-us+m3", rate_wpm=160, pitch=50, pitch_range=50, volume=60))
    noise = np.random.default_rng(1).normal(0, 1e-3, len(speech.samples)).astype(np.float32)
    return frames(resample(speech.samples.astype(np.float32) / 32768 + noise, speech.sample_rate_hz, SAMPLE_RATE_HZ)), list(speech.phones)


def shifted(phones: list[Interval], rng: np.random.Generator) -> list[Interval]:
    """Phones whose inner boundaries lie up to 30 ms off, but not beyond the middle of a phone."""
    starts_s = [0.0]
    for before, after in pairwise(phones):
        room_s = min(0.03, (before.end_s - before.start_s) / 2 - 0.003, (after.end_s - after.start_s) / 2 - 0.003)
        starts_s.append(after.start_s + float(rng.uniform(-room_s, room_s)))
    return [Interval(p.label, a, b) for p, a, b in zip(phones, starts_s, [*starts_s[1:], phones[-1].end_s], strict=True)]


def learned(corpus: list[tuple[Frames, list[Interval]]]) -> Model:
    model: Model | None = None
    for number in range(refine.ROUNDS):
        parts = []
        for values, phones in corpus:
            path = even_path(phones, len(values)) if model is None else segment(values, phones, model, REACH_S)
            parts.append((values, states_of(phones)[0], path))
        model = learn(statistics(parts), number)
    assert model is not None
    return model


def errors_ms(truth: list[Interval], phones: list[Interval]) -> NDArray[np.float64]:
    return 1000 * np.abs(np.array([a.start_s - b.start_s for a, b in zip(truth[1:], phones[1:], strict=True)]))


@pytest.fixture(scope="module")
def corpus() -> list[tuple[Frames, list[Interval]]]:
    return [said(text) for text in TEXTS]


def test_shifted_boundaries_come_nearer_the_truth(corpus: list[tuple[Frames, list[Interval]]]) -> None:
    rng = np.random.default_rng(7)
    first = [(values, shifted(phones, rng)) for values, phones in corpus]
    model = learned(first)
    refined = [moved(phones, segment(values, phones, model, REACH_S)) for values, phones in first]
    before = np.concatenate([errors_ms(truth, phones) for (_, truth), (_, phones) in zip(corpus, first, strict=True)])
    after = np.concatenate([errors_ms(truth, phones) for (_, truth), phones in zip(corpus, refined, strict=True)])
    assert np.mean(after) < 0.75 * np.mean(before)
    assert np.median(after) < 0.6 * np.median(before)


def test_last_words_that_the_first_pass_took_for_a_pause_are_given_back(corpus: list[tuple[Frames, list[Interval]]]) -> None:
    model = learned(corpus)
    for values, phones in corpus:
        *spoken, last, pause = phones
        assert pause.label == SILENCE
        heard = [Interval(phone.label, phone.start_s * 0.85, phone.end_s * 0.85) for phone in [*spoken, last]]
        assert pause.start_s - heard[-1].end_s > 2 * REACH_S
        first = [*heard, Interval(SILENCE, heard[-1].end_s, pause.end_s)]
        assert moved(first, segment(values, first, model, REACH_S))[-1].start_s == pytest.approx(pause.start_s, abs=0.03)


def test_refined_phones_tile_as_before(corpus: list[tuple[Frames, list[Interval]]]) -> None:
    model = learned(corpus)
    for values, phones in corpus:
        refined = moved(phones, segment(values, phones, model, REACH_S))
        assert [phone.label for phone in refined] == [phone.label for phone in phones]
        assert (refined[0].start_s, refined[-1].end_s) == (phones[0].start_s, phones[-1].end_s)
        assert all(a.end_s == b.start_s and a.end_s > a.start_s for a, b in pairwise(refined))


def test_statistics_are_the_same_in_any_order_and_grouping(corpus: list[tuple[Frames, list[Interval]]]) -> None:
    parts = [(values, states_of(phones)[0], even_path(phones, len(values))) for values, phones in corpus]
    at_once = learn(statistics(parts), 3)
    singly = learn(joined([statistics([part]) for part in reversed(parts)]), 3)
    assert at_once.whitening.tobytes() == singly.whitening.tobytes()
    assert {state: mean.tobytes() for state, mean in at_once.means.items()} == {
        state: mean.tobytes() for state, mean in singly.means.items()
    }


def test_phones_of_another_text_fit_worse(corpus: list[tuple[Frames, list[Interval]]]) -> None:
    model = learned(corpus)

    def fit(values: Frames, phones: list[Interval]) -> float:
        return refine.fit_of(values, phones, segment(values, phones, model, REACH_S), model)

    for (values, phones), (_, others) in pairwise(corpus):
        stretch = phones[-1].end_s / others[-1].end_s
        wrong = [Interval(other.label, other.start_s * stretch, other.end_s * stretch) for other in others]
        assert fit(values, wrong) < fit(values, phones) - 2 < 0


def test_silence_alone_fits_nothing(corpus: list[tuple[Frames, list[Interval]]]) -> None:
    values, phones = corpus[0]
    silent = [Interval(SILENCE, 0.0, phones[-1].end_s)]
    assert refine.fit_of(values, silent, even_path(silent, len(values)), learned(corpus)) == float("-inf")


def test_phones_that_were_never_heard_are_aligned_all_the_same(corpus: list[tuple[Frames, list[Interval]]]) -> None:
    values, phones = corpus[0]
    strange = [Interval("ʙ" if phone.label != SILENCE else SILENCE, phone.start_s, phone.end_s) for phone in phones]
    path = segment(values, strange, learned(corpus[1:]), REACH_S)
    assert len(np.unique(path)) == len(states_of(strange)[0])


def test_utterance_shorter_than_its_states_keeps_its_first_alignment(corpus: list[tuple[Frames, list[Interval]]]) -> None:
    values, phones = corpus[0]
    model = learned([(values, phones)])
    for length_s in (0.01, 0.004):  # the latter leaves some phones without a frame
        crowded = [Interval("a", length_s * n, length_s * (n + 1)) for n in range(8)]
        path = segment(values[: round(8 * length_s / refine.STEP_S)], crowded, model, REACH_S)
        assert [phone.start_s for phone in moved(crowded, path)] == pytest.approx([phone.start_s for phone in crowded])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 40), st.integers(0, 2**32))
def test_best_path_goes_through_every_state_in_order_and_is_the_best(n_states: int, more: int, seed: int) -> None:
    fit = np.random.default_rng(seed).normal(size=(n_states + more, n_states))
    path = refine._best_path(fit)
    assert path[0] == 0
    assert path[-1] == n_states - 1
    assert set(np.diff(path)) <= {0, 1}
    even = np.minimum(np.arange(len(fit)) * n_states // len(fit), n_states - 1)
    assert fit[np.arange(len(fit)), path].sum() >= fit[np.arange(len(fit)), even].sum() - 1e-9
