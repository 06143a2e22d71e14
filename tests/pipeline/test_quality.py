"""Measures of quality on signals whose answer is known, and the limits that reject."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality import Recording, clipped, noisy, padded, truncated
from pipeline.quality import PhoneLengths, audio_measures, clipping_share, failure, phone_measures
from schemas.params import QualityParams, Section, load_params
from schemas.reasons import Reason
from schemas.tables.alignments import Interval
from schemas.tables.quality import MEASURES
from tests.conftest import PROJECT

RATE_HZ = 16000
HOP_S = 0.01


class QualityOnly(Section):
    """The section alone."""

    quality: QualityParams


LIMITS = load_params(PROJECT / "params.yaml", QualityOnly).quality
GOOD = {
    "alignment_score": -12.0, "phone_rate_hz": 12.0, "duration_outlier_share": 0.0, "clipping_share": 0.0, "snr_db": 30.0,
    "voiced_share": 0.6, "edge_level_db": -30.0, "leading_silence_s": 0.1, "trailing_silence_s": 0.1, "longest_pause_s": 0.2,
}  # fmt: skip


def phones(*spans: tuple[str, float]) -> list[Interval]:
    """Phones that follow each other, by label and length in seconds."""
    ends = np.cumsum([0.0, *(length for _, length in spans)])
    return [Interval(label, ends[at], ends[at + 1]) for at, (label, _) in enumerate(spans)]


def speech(noise: float = 0.0, seconds: float = 1.0) -> np.ndarray:
    """A tone of power 0.02 between two silences of a quarter, over white noise."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tone = np.where((time_s > seconds / 4) & (time_s < 3 * seconds / 4), 0.2 * np.sin(2 * np.pi * 220.3 * time_s), 0.0)
    return (tone + noise * np.random.default_rng(1).normal(size=len(time_s))).astype(np.float32)


SPEECH_PHONES = phones(("sil", 0.25), ("a", 0.5), ("sil", 0.25))
VOICED = np.arange(100) % 2 == 0


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0, 30.0])
def test_snr_is_that_of_the_mixture(snr_db: float) -> None:
    noise = np.sqrt(0.02 * 10 ** (-snr_db / 10))
    measured = audio_measures(speech(noise), RATE_HZ, SPEECH_PHONES, VOICED, HOP_S)
    assert measured.snr_db == pytest.approx(snr_db, abs=2.0)


def test_voiced_share_looks_at_speech_alone() -> None:
    voiced = np.zeros(100, dtype=bool)
    voiced[40:50] = True
    voiced[:20] = True  # in silence: not counted
    assert audio_measures(speech(), RATE_HZ, SPEECH_PHONES, voiced, HOP_S).voiced_share == pytest.approx(0.2)


def test_edge_level_tells_a_recording_that_begins_or_ends_in_speech() -> None:
    whole = audio_measures(speech(1e-4), RATE_HZ, SPEECH_PHONES, VOICED, HOP_S)
    cut = audio_measures(speech(1e-4)[: RATE_HZ // 2], RATE_HZ, phones(("sil", 0.25), ("a", 0.25)), VOICED[:50], HOP_S)
    assert whole.edge_level_db < -50
    assert cut.edge_level_db == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("over_db", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_clipping_is_the_share_of_flat_tops_at_any_level(over_db: float, gain: float) -> None:
    tone = np.sin(2 * np.pi * 100.3 * np.arange(RATE_HZ) / RATE_HZ)
    limit = 10 ** (-over_db / 20)
    spoiled = (gain * np.clip(tone, -limit, limit)).astype(np.float32)
    assert clipping_share(spoiled) == pytest.approx((np.abs(tone) > limit).mean(), rel=0.05)


def test_speech_like_signals_silence_and_single_samples_are_not_clipped() -> None:
    noise = np.random.default_rng(2).normal(size=RATE_HZ).astype(np.float32)
    square_pair = np.tile([0.5, 0.5, -0.5, -0.5], 100).astype(np.float32)
    for samples in (noise, speech(0.01), square_pair, np.zeros(100, np.float32), np.zeros(0, np.float32)):
        assert clipping_share(samples) == 0.0


def test_phone_measures_of_a_known_alignment() -> None:
    spans = [("sil", 0.3), ("a", 0.1), ("b", 0.1), ("sil", 0.4), ("a", 0.1), ("sil", 0.05), ("b", 0.2), ("sil", 0.6)]
    measured = phone_measures(phones(*spans), {"": (np.log(0.1), 0.2)}, 3.0)
    assert measured.phone_rate_hz == pytest.approx(4 / 0.5)
    assert (measured.leading_silence_s, measured.trailing_silence_s) == (pytest.approx(0.3), pytest.approx(0.6))
    assert measured.longest_pause_s == pytest.approx(0.4)
    assert measured.duration_outlier_share == pytest.approx(1 / 10)  # ln 2 is 3.5 spreads; ten phones at least stand below the line
    assert phone_measures(phones(("a", 0.1)), {"": (np.log(0.1), 0.2)}, 3.0).longest_pause_s == 0.0


def test_an_outlier_is_judged_by_its_own_phone() -> None:
    lengths = PhoneLengths()
    random = np.random.default_rng(3)
    lengths.add(["t"] * 500 + ["a"] * 500 + ["rare"] * 5, np.exp(np.concatenate([
        random.normal(np.log(0.04), 0.3, 500), random.normal(np.log(0.16), 0.3, 500), np.full(5, np.log(0.5)),
    ])))  # fmt: skip
    typical = lengths.typical()
    assert typical.keys() == {"", "t", "a"}  # five are too few to know what is typical
    assert typical["t"] == (pytest.approx(np.log(0.04), abs=0.05), pytest.approx(0.3, abs=0.04))
    long_t = [("t", 0.16), *[("a", 0.16)] * 19]
    assert phone_measures(phones(*long_t), typical, 4.0).duration_outlier_share == pytest.approx(1 / 20)


def test_phones_that_all_have_one_length_keep_a_least_spread() -> None:
    lengths = PhoneLengths()
    lengths.add(["t"] * 100, np.full(100, 0.03))
    assert lengths.typical()["t"] == (pytest.approx(np.log(0.03), abs=0.02), 0.2)


@given(st.lists(st.tuples(st.sampled_from("abcs"), st.floats(1e-4, 30.0)), min_size=1, max_size=60), st.randoms())
def test_typical_lengths_do_not_depend_on_order_or_batches(spans: list[tuple[str, float]], random) -> None:  # type: ignore[no-untyped-def]
    def found(batches: list[list[tuple[str, float]]]) -> dict[str, tuple[float, float]]:
        lengths = PhoneLengths()
        for batch in batches:
            lengths.add([label for label, _ in batch], np.array([length for _, length in batch]))
        return lengths.typical()

    shuffled = random.sample(spans, len(spans))
    assert found([spans]) == found([[span] for span in shuffled])


def test_damage_done_by_the_benchmark_is_what_it_says() -> None:
    recording = Recording(speech(1e-4), RATE_HZ, np.random.default_rng(4))
    measured = {snr_db: audio_measures(noisy(recording, snr_db), RATE_HZ, SPEECH_PHONES, VOICED, HOP_S).snr_db for snr_db in (0, 10, 20)}
    assert measured == {snr_db: pytest.approx(snr_db, abs=2.0) for snr_db in measured}
    assert clipping_share(clipped(recording, 3.0)) == pytest.approx(
        0.25, abs=0.02
    )  # a quarter of a sine's time is above -3 dB, half is tone
    assert float(np.abs(clipped(recording, 3.0)).max()) < 1.0
    assert len(truncated(recording, 0.6)) == 0.6 * RATE_HZ
    assert len(padded(recording, 10.0)) == 11 * RATE_HZ


def test_good_values_keep_every_limit() -> None:
    assert failure(GOOD, LIMITS) is None
    assert GOOD.keys() == {"alignment_score", *MEASURES}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("alignment_score", -50.0, Reason.QUALITY_ALIGNMENT_SCORE),
        ("phone_rate_hz", 0.5, Reason.QUALITY_PHONE_RATE),
        ("phone_rate_hz", 90.0, Reason.QUALITY_PHONE_RATE),
        ("duration_outlier_share", 0.9, Reason.QUALITY_DURATIONS),
        ("clipping_share", 0.5, Reason.QUALITY_CLIPPING),
        ("snr_db", -5.0, Reason.QUALITY_SNR),
        ("voiced_share", 0.0, Reason.QUALITY_VOICED_SHARE),
        ("edge_level_db", 19.0, Reason.QUALITY_CUT),
        ("leading_silence_s", 100.0, Reason.QUALITY_SILENCE),
        ("trailing_silence_s", 100.0, Reason.QUALITY_SILENCE),
        ("longest_pause_s", 100.0, Reason.QUALITY_PAUSE),
    ],
)
def test_each_limit_rejects_with_its_reason_and_value_and_null_turns_it_off(name: str, value: float, reason: Reason) -> None:
    limits = LIMITS.model_copy(update={"min_alignment_score": -40.0})
    fault = failure(GOOD | {name: value}, limits)
    assert fault is not None
    assert (fault.reason, fault.value) == (reason, value)
    assert f"quality.{'min' if value < GOOD[name] else 'max'}_{name}" in fault.detail
    off = limits.model_copy(update={key: None for key in type(limits).model_fields if key != "outlier_z"})
    assert failure(GOOD | {name: value}, off) is None


def test_a_missing_score_is_not_judged() -> None:
    assert failure(GOOD | {"alignment_score": None}, LIMITS.model_copy(update={"min_alignment_score": -1.0})) is None
