"""pocketsphinx on espeak-ng's speech, whose phone times are known."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.phone_pairs import pair
from pipeline.aligners.alignment import Alignment, Spoken
from pipeline.aligners.pocketsphinx import SAMPLE_RATE_HZ, PocketsphinxAligner
from pipeline.audio import load, resample
from pipeline.text.espeak import Speech, VoiceSettings, speak
from schemas.errors import RowError
from schemas.params import PocketsphinxParams
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE

PARAMS = PocketsphinxParams(
    min_score=-40.0,
    min_score_mapped=-45.0,
    oov="g2p",
    boundary_shift_s=0.008,
    refine="none",
    refine_min_utterances=10,
    refine_max_utterances=1000,
    refine_list=None,
    refine_min_fit=-4.0,
    refine_reach_s=0.06,
)
VOICE = VoiceSettings("en-us+m3", rate_wpm=160, pitch=50, pitch_range=50, volume=60)
TEXTS = ("The old sailor told us a story.", "Seven boats returned to the harbour.", "We walked home along the river.")


GERMAN = VoiceSettings("de+m3", rate_wpm=150, pitch=50, pitch_range=50, volume=60)


def said(text: str, voice: VoiceSettings = VOICE, language: str = "en-us") -> tuple[Spoken, NDArray[np.float32], Speech]:
    speech = speak(text, voice)
    edge = np.zeros(round(0.15 * speech.sample_rate_hz), dtype=np.float32)
    signal = np.concatenate([edge, speech.samples.astype(np.float32) / 32768, edge])
    samples = resample(signal, speech.sample_rate_hz, SAMPLE_RATE_HZ)
    return Spoken("c/s/x", "c/s", "x.wav", text, language, len(samples) / SAMPLE_RATE_HZ), samples, speech


@pytest.fixture(scope="module")
def aligner() -> PocketsphinxAligner:
    return PocketsphinxAligner(PARAMS)


def align(aligner: PocketsphinxAligner, text: str) -> Alignment:
    spoken, samples, _ = said(text)
    return aligner.align(spoken, samples)


def test_words_come_out_near_their_true_times(aligner: PocketsphinxAligner) -> None:
    spoken, samples, speech = said(TEXTS[0])
    done = aligner.align(spoken, samples)
    assert [word.label for word in done.words] == ["the", "old", "sailor", "told", "us", "a", "story"]
    truth_s = [word.start_s + 0.15 for word in speech.words]
    errors_s = np.abs(np.array([word.start_s for word in done.words]) - truth_s)
    assert np.median(errors_s) < 0.025
    assert done.text_read == "the old sailor told us a story"
    assert done.score is not None
    assert -40 < done.score < 0


def test_phones_tile_the_recording_and_silence_stands_at_the_end(aligner: PocketsphinxAligner) -> None:
    spoken, samples, _ = said(TEXTS[1])
    done = aligner.align(spoken, samples)
    assert done.phones[0].start_s == 0.0
    assert done.phones[-1].label == SILENCE
    assert done.phones[-1].end_s == spoken.duration_s
    assert all(one.end_s == after.start_s for one, after in pairwise(done.phones))


def test_result_does_not_depend_on_what_was_aligned_before(aligner: PocketsphinxAligner) -> None:
    alone = [align(PocketsphinxAligner(PARAMS), text) for text in TEXTS]
    for order in ((2, 0, 1), (1, 1, 0)):
        assert [align(aligner, TEXTS[n]) for n in order] == [alone[n] for n in order]


def test_result_does_not_depend_on_a_failure_before() -> None:
    used, text = PocketsphinxAligner(PARAMS), TEXTS[0]
    spoken, samples, _ = said(text)
    for wrong in ("no", "extraordinarily complicated regulations " * 8):
        with pytest.raises(RowError, match="alignment_"):
            used.align(Spoken("c/s/x", "c/s", "x.wav", wrong, "en-us", spoken.duration_s), samples)
    assert used.align(spoken, samples) == align(PocketsphinxAligner(PARAMS), text)


def test_wrong_text_scores_low_or_finds_no_path(aligner: PocketsphinxAligner) -> None:
    spoken, samples, _ = said(TEXTS[0])
    wrong = Spoken("c/s/x", "c/s", "x.wav", TEXTS[1], "en-us", spoken.duration_s)
    with pytest.raises(RowError) as error:
        aligner.align(wrong, samples)
    assert error.value.reason in (Reason.ALIGNMENT_LOW_SCORE, Reason.ALIGNMENT_FAILED)


def test_score_below_the_limit_is_rejected_with_the_value() -> None:
    with pytest.raises(RowError, match=r"below min_score=-1$") as error:
        align(PocketsphinxAligner(PARAMS.model_copy(update={"min_score": -1.0})), TEXTS[0])
    assert error.value.reason == Reason.ALIGNMENT_LOW_SCORE
    assert error.value.value is not None
    assert error.value.value < -1


def test_unknown_words_are_pronounced_by_g2p(aligner: PocketsphinxAligner) -> None:
    done = align(aligner, "We walked with Zorvanna along the river.")
    assert "zorvanna" in [word.label for word in done.words]


def test_unknown_words_are_all_named_where_g2p_is_off() -> None:
    rejecting = PocketsphinxAligner(PARAMS.model_copy(update={"oov": "reject"}))
    with pytest.raises(RowError, match="no pronunciation: zorvanna, drenholtish") as error:
        align(rejecting, "Zorvanna walked home, Drenholtish Zorvanna.")
    assert error.value.reason == Reason.OUT_OF_VOCABULARY
    assert align(rejecting, TEXTS[0]).words


def test_shift_moves_inner_boundaries_only() -> None:
    plain = align(PocketsphinxAligner(PARAMS.model_copy(update={"boundary_shift_s": 0.0})), TEXTS[2])
    moved = align(PocketsphinxAligner(PARAMS.model_copy(update={"boundary_shift_s": 0.02})), TEXTS[2])
    assert moved.phones[-1].end_s == plain.phones[-1].end_s
    assert moved.phones[0].start_s == 0.0
    inner = [(b.start_s - a.start_s) for a, b in zip(plain.phones[1:], moved.phones[1:], strict=True)]
    assert inner == pytest.approx([0.02] * len(inner))


def test_text_without_words_is_empty(aligner: PocketsphinxAligner) -> None:
    spoken, samples, _ = said(TEXTS[0])
    with pytest.raises(RowError, match="no words in") as error:
        aligner.align(Spoken("c/s/x", "c/s", "x.wav", "?!", "en-us", spoken.duration_s), samples)
    assert error.value.reason == Reason.TEXT_EMPTY


def test_audio_of_another_length_than_at_ingest_has_changed(aligner: PocketsphinxAligner) -> None:
    spoken, samples, _ = said(TEXTS[0])
    with pytest.raises(RowError, match="s at ingest; run") as error:
        aligner.align(spoken, samples[:-2000])
    assert error.value.reason == Reason.AUDIO_CHANGED


def test_silence_is_rejected_and_the_aligner_goes_on(aligner: PocketsphinxAligner) -> None:
    spoken, samples, _ = said(TEXTS[0])
    with pytest.raises(RowError, match="alignment_"):
        aligner.align(spoken, np.zeros_like(samples))
    assert aligner.align(spoken, samples).words


@pytest.mark.parametrize(("language", "text"), [
    ("de", "Das schwarze Stück Papier befindet sich da oben."), ("es", "Los niños hablan de la casa."),
    ("it", "La casa è molto bella oggi."), ("fr-fr", "Les amis sont dans la maison."), ("pl", "Dzisiaj jest bardzo ładna pogoda."),
])  # fmt: skip
def test_other_languages_come_out_in_their_own_phones_near_the_true_times(aligner: PocketsphinxAligner, language: str, text: str) -> None:
    voice = VoiceSettings(f"{language.partition('-')[0]}+m3", rate_wpm=150, pitch=50, pitch_range=50, volume=60)
    spoken, samples, speech = said(text, voice, language)
    done = aligner.align(spoken, samples)
    truth = [phone for phone in speech.phones if phone.label != SILENCE]
    phones = [phone for phone in done.phones if phone.label != SILENCE]
    pairs = pair(phones, [p.label for p in phones], truth, [p.label for p in truth])
    assert len(pairs.paired) > 0.9 * len(truth)
    apart_s = np.abs([phones[i].start_s - truth[j].start_s - 0.15 for i, _, j, _ in pairs.paired])
    assert np.median(apart_s) < 0.02
    assert len(done.words) == len(text.split())


def test_german_result_does_not_depend_on_what_was_aligned_before() -> None:
    spoken, samples, _ = said("Der Lappen liegt auf dem Tisch.", GERMAN, "de")
    used = PocketsphinxAligner(PARAMS)
    alone = used.align(spoken, samples)
    other, other_samples, _ = said("Die Lappen liegen dem Mann im Weg.", GERMAN, "de")
    used.align(other, other_samples)
    align(used, TEXTS[0])
    assert used.align(spoken, samples) == alone


def test_score_of_a_mapped_language_has_its_own_limit() -> None:
    spoken, samples, _ = said("Der Lappen liegt auf dem Tisch.", GERMAN, "de")
    with pytest.raises(RowError, match=r"below min_score_mapped=-1$"):
        PocketsphinxAligner(PARAMS.model_copy(update={"min_score_mapped": -1.0})).align(spoken, samples)


def test_human_speech_agrees_with_its_own_text(aligner: PocketsphinxAligner, shared_data: Path) -> None:
    samples = load(shared_data / "kathleen_dev" / "wavs" / "arctic_a0001_1592748574.flac", SAMPLE_RATE_HZ)
    text = "Author of the danger trail, Philip Steels, etc."
    done = aligner.align(Spoken("k/k/a", "k/k", "x.flac", text, "en-us", len(samples) / SAMPLE_RATE_HZ), samples)
    assert done.score is not None
    assert done.score > -20
