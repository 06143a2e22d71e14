"""Voices: one speaker's recordings lie together, what has no speech is a reject, and unchanged recordings are not heard again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

from pipeline.audio import file_sha256
from pipeline.shards import read_table, write_table
from pipeline.speaker_embedding import SAMPLE_RATE_HZ, made_by, voice_of
from pipeline.voices import run
from schemas.errors import DependencyError, RowError, TooManyRejectsError
from schemas.params import VoicesParams
from schemas.tables.rejects import REJECTS
from schemas.tables.utterances import UTTERANCES
from schemas.tables.voices import VOICE_CHANNELS, VOICES
from tests.rows import utterance_row

pytest.importorskip("resemblyzer", reason="the extra `speaker` is not installed", exc_type=ImportError)

PARAMS = VoicesParams(embedding="resemblyzer", max_reject_share=1.0)


def vowels(f0_hz: float, scale: float, seed: int, seconds: float = 2.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A buzz through formants, `scale` as the vocal tract's: near enough to speech for a detector of it."""
    random, n = np.random.default_rng(seed), int(seconds * SAMPLE_RATE_HZ)
    drift = f0_hz * (1 + 0.1 * np.sin(np.arange(n) / SAMPLE_RATE_HZ * 2 * np.pi * 1.5 + seed))
    sound = np.diff(np.floor(np.cumsum(drift) / SAMPLE_RATE_HZ), prepend=0.0) + 0.003 * random.normal(size=n)
    for formant_hz in (600, 1200, 2500):
        radius, angle = 0.97, 2 * np.pi * formant_hz * scale / SAMPLE_RATE_HZ
        sound = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], sound)
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def test_recordings_of_one_voice_lie_nearer_than_those_of_two() -> None:
    deep, deep_again, high = voice_of(vowels(100, 1.0, 1)), voice_of(vowels(105, 1.0, 2)), voice_of(vowels(240, 1.25, 3))
    assert deep.shape == (VOICE_CHANNELS,)
    assert np.linalg.norm(deep) == pytest.approx(1.0, abs=1e-5)
    assert deep @ deep_again > deep @ high + 0.1


@pytest.mark.parametrize("samples", [np.zeros(SAMPLE_RATE_HZ, np.float32), np.full(100, 0.1, np.float32)])
def test_what_holds_no_speech_has_no_voice(samples: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    with pytest.raises(RowError, match="voice_unheard"):
        voice_of(samples)


def test_a_recording_at_full_scale_does_not_wrap_around() -> None:
    loud = vowels(120, 1.0, 1) * 10
    assert np.isfinite(voice_of(np.clip(loud, -1, 1))).all()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Four utterances: two voices, a silence, and a file that changed since ingest."""
    root, rows = tmp_path / "corpus", []
    root.mkdir()
    sounds = {"a": vowels(100, 1.0, 1), "b": vowels(220, 1.2, 2), "changed": vowels(100, 1.0, 3), "silent": np.zeros(16000, np.float32)}
    for name, samples in sounds.items():
        soundfile.write(root / f"{name}.wav", samples, SAMPLE_RATE_HZ, subtype="PCM_16")
        sha256 = "0" * 64 if name == "changed" else file_sha256(root / f"{name}.wav")
        of_file = {"sample_rate_hz": SAMPLE_RATE_HZ, "n_samples": len(samples), "duration_s": len(samples) / SAMPLE_RATE_HZ}
        rows.append(utterance_row(f"toy/s/{name}", speaker="toy/s", audio_path=f"{name}.wav", audio_sha256=sha256, **of_file))
    write_table(tmp_path / "utterances.parquet", UTTERANCES.table(rows), UTTERANCES)
    return root


def hear(corpus: Path, params: VoicesParams = PARAMS) -> dict[str, Any]:
    out = corpus.parent / "voices"
    run(params, corpus, corpus.parent / "utterances.parquet", out, out / "metrics.json")
    counts: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return counts


def test_each_utterance_is_a_row_or_a_reject_and_a_second_run_hears_none_again(corpus: Path) -> None:
    assert hear(corpus) == {"rows_in": 4, "rows_out": 2, "rejected": 2, "computed": 2, "reasons": {"audio_changed": 1, "voice_unheard": 1}}
    table = corpus.parent / "voices" / "voices.parquet"
    first = table.read_bytes()
    assert read_table(table, VOICES).column("utterance_id").to_pylist() == ["toy/s/a", "toy/s/b"]
    rejects = read_table(corpus.parent / "voices" / "rejects.parquet", REJECTS).to_pylist()
    assert {(row["utterance_id"], row["stage"], row["reason"]) for row in rejects} == {
        ("toy/s/changed", "voices", "audio_changed"),
        ("toy/s/silent", "voices", "voice_unheard"),
    }
    assert hear(corpus)["computed"] == 0
    assert table.read_bytes() == first
    table.unlink()
    assert hear(corpus)["computed"] == 2
    assert table.read_bytes() == first


def test_too_many_rejects_stop_the_stage_after_the_tables_are_written(corpus: Path) -> None:
    with pytest.raises(TooManyRejectsError, match="2 of 4 rows rejected"):
        hear(corpus, VoicesParams(embedding="resemblyzer", max_reject_share=0.4))
    assert len(read_table(corpus.parent / "voices" / "voices.parquet", VOICES)) == 2


def test_none_listens_to_nothing_and_leaves_an_empty_table(corpus: Path) -> None:
    assert hear(corpus, VoicesParams(embedding="none", max_reject_share=0.0))["rows_in"] == 0
    assert len(read_table(corpus.parent / "voices" / "voices.parquet", VOICES)) == 0


def test_without_the_package_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.speaker_embedding._PACKAGES", ("no-such-package",))
    with pytest.raises(DependencyError, match=r"no-such-package; run `pip install '\.\[speaker\]'`"):
        made_by()
