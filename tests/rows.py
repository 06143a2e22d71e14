"""Sound rows of the tables, for tests that change what they look at."""

import numpy as np

from schemas.tables.features import PARTS, features_contract

CONTRACT = features_contract(16)  # of `feature_row`


def feature_row(name: str = "c/s/1", **changes: object) -> dict[str, object]:
    nan = float("nan")
    row: dict[str, object] = {
        "utterance_id": name, "corpus": "c", "speaker": "c/s", "emotion": "happy", "intensity": None, "language": "de",
        "split": "train", "text": "ja", "phones": ["j", "a"], "duration_frames": [1, 2], "n_frames": 3, "f0_hz": [nan, 100.0, 110.0],
        "voiced": [False, True, True], "energy_db": [-50.0, -20.0, -20.0], "mel_ln": np.zeros((3, 16)).tolist(), "phone_log_f0": [nan, 4.6],
        "phone_log_f0_slope": [nan, 0.1], "phone_energy_db": [-50.0, -20.0], "f0_floor_hz": 60.0, "f0_ceiling_hz": 400.0,
        "fingerprint": "f", "fingerprints": dict.fromkeys(PARTS, "f"),
    }  # fmt: skip
    return row | changes


def alignment_row(name: str = "c/s/1", **changes: object) -> dict[str, object]:
    phones = [{"label": "sil", "start_s": 0.0, "end_s": 0.5}, {"label": "a", "start_s": 0.5, "end_s": 1.0}]
    row = {"utterance_id": name, "words": [], "phones": phones, "duration_s": 1.0, "score": None, "text_read": "a", "aligner": "test 1"}
    return row | changes


def utterance_row(name: str = "c/s/1", **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "utterance_id": name, "corpus": "c", "speaker": "c/s", "emotion": "angry", "emotion_label": "Wut", "intensity": 0.5,
        "language": "de", "gender": "female", "text": "ja", "audio_path": "s/1.wav", "audio_sha256": "0" * 64,
        "sample_rate_hz": 16000, "n_samples": 16000, "n_channels": 1, "duration_s": 1.0, "peak_db": -1.0, "split": "train",
    }  # fmt: skip
    return row | changes
