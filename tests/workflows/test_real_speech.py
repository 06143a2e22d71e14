"""What is taken from the real training split: which clips, and the voices of speakers in it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.shards import write_table
from pipeline.text.espeak import VoiceSettings, speak
from schemas.tables.utterances import UTTERANCES
from workflows.judges import JUDGES
from workflows.real_speech import _voices, by_hash, learn_emotions, learn_voices, recordings

VOICES = {"x/low": "en-us+adam", "x/high": "en-us+f1"}
TEXTS = ("The old clock in the hallway struck nine.", "They usually finish their homework before supper.")


def corpus(root: Path) -> Path:
    """Two speakers with a training and a test clip each; the folder of the ingest stage."""
    rows = []
    for speaker, voice in VOICES.items():
        for split, text in zip(("train", "test"), TEXTS, strict=True):
            speech = speak(text, VoiceSettings(voice, rate_wpm=165, pitch=50, pitch_range=50, volume=60))
            name = f"{speaker}/{split}"
            path = root / "corpus" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, speech.samples, speech.sample_rate_hz)
            n = len(speech.samples)
            rows.append({
                "utterance_id": name, "corpus": "x", "speaker": speaker, "emotion": "neutral", "emotion_label": "", "intensity": None,
                "language": "en-us", "gender": "unknown", "text": text, "audio_path": f"{name}.wav", "audio_sha256": "0" * 64,
                "sample_rate_hz": speech.sample_rate_hz, "n_samples": n, "n_channels": 1, "duration_s": n / speech.sample_rate_hz,
                "peak_db": -3.0, "split": split,
            })  # fmt: skip
    write_table(root / "ingest/x/utterances.parquet", UTTERANCES.table(rows), UTTERANCES)
    return root / "ingest"


def test_clips_are_chosen_by_hash_so_that_others_move_none_of_them():
    names = [f"c/s/{at}" for at in range(100)]
    chosen = by_hash(names, 10)
    assert len(chosen) == 10
    assert by_hash(list(reversed(names)), 10) == chosen
    left = [name for name in names if name != chosen[3]]
    assert by_hash(left, 9) == [name for name in chosen if name != chosen[3]]
    assert by_hash(names, 0) == []


def test_nothing_to_learn_from_gives_no_classifier():
    assert learn_emotions([], 100, 0.01) is None


def test_recordings_are_found_by_utterance_and_loaded_at_any_rate(tmp_path: Path):
    at = recordings(corpus(tmp_path), {"x": tmp_path / "corpus"})
    assert sorted(at) == ["x/high/test", "x/high/train", "x/low/test", "x/low/train"]
    assert at["x/low/train"].split == "train"
    assert len(at["x/low/train"].load(8000)) == pytest.approx(len(at["x/low/train"].load(16000)) / 2, abs=1)


def test_recordings_that_are_gone_give_no_voice_and_do_not_end_the_run(tmp_path: Path):
    at = recordings(corpus(tmp_path), {"x": tmp_path / "nowhere"})
    assert _voices([("x/low", [at["x/low/train"]])]) == []


@pytest.mark.slow
def test_each_speaker_has_a_voice_by_its_training_clips_that_is_nearer_to_its_own(tmp_path: Path, cluster: str):
    if JUDGES["speaker_similarity"].missing():
        pytest.skip(JUDGES["speaker_similarity"].install)
    from workflows.judges import SAMPLE_RATE_HZ, similarity

    at = recordings(corpus(tmp_path), {"x": tmp_path / "corpus"})
    voices = learn_voices({*VOICES, "x/nobody"}, at)
    assert set(voices) == set(VOICES)
    low = at["x/low/test"].load(SAMPLE_RATE_HZ)
    assert np.linalg.norm(voices["x/low"]) == pytest.approx(1)
    assert similarity(low, voices["x/low"]) > similarity(low, voices["x/high"]) + 0.1
