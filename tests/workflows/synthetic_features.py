"""Made-up feature rows in which mel is a function of phone, pitch and energy, so that there is something to learn."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.shards import shard_name, write_table
from schemas.tables.features import PARTS, features_contract
from schemas.tables.speakers import CORPUS_ROW, STATISTICS
from schemas.tables.voices import VOICE_CHANNELS, VOICES

N_MELS = 16
PHONES = ("a", "b", "i", "sil", "t")
SPEAKERS = ("toy/s1", "toy/s2")
EMOTIONS = ("angry", "neutral")
UNVOICED = ("sil", "t")


def feature_row(index: int, split: str, n_phones: int = 6) -> dict[str, Any]:
    """One utterance; all of it follows from `index`."""
    random = np.random.default_rng(index)
    phones, durations = random.choice(PHONES, n_phones).tolist(), random.integers(2, 9, n_phones)
    phones[0] = "a"
    n_frames, of_frame = int(durations.sum()), np.repeat(np.arange(n_phones), durations)
    voiced = np.array([phones[phone] not in UNVOICED for phone in of_frame])
    f0_hz = np.where(voiced, 120.0 * (1 + index % 2) * np.exp(0.2 * np.sin(np.arange(n_frames) / 9 + index)), np.nan)
    energy_db = np.where(voiced, -20.0, -40.0) + random.normal(0, 1, n_frames)
    codes = np.array([PHONES.index(phones[phone]) for phone in of_frame])
    bands = np.arange(N_MELS)
    mel_ln = -6 + 3 * np.cos(codes[:, None] + bands / 3) + np.where(voiced, np.nan_to_num(f0_hz) / 200, 0)[:, None]
    speaker = SPEAKERS[index % 2]
    return {
        "utterance_id": f"{speaker}/u{index:03d}", "corpus": "toy", "speaker": speaker, "emotion": EMOTIONS[index // 2 % 2],
        "intensity": None, "language": "en-us", "split": split, "text": "made up", "phones": phones,
        "duration_frames": durations.tolist(), "n_frames": n_frames, "f0_hz": f0_hz.tolist(), "voiced": voiced.tolist(),
        "energy_db": energy_db.tolist(), "mel_ln": mel_ln.tolist(), "phone_log_f0": [np.nan] * n_phones,
        "phone_log_f0_slope": [np.nan] * n_phones, "phone_energy_db": [0.0] * n_phones, "f0_floor_hz": 60.0, "f0_ceiling_hz": 600.0,
        "fingerprint": f"{index}", "fingerprints": dict.fromkeys(PARTS, f"{index}"),
    }  # fmt: skip


def write_corpus(root: Path, n_training: int = 24, n_validation: int = 6) -> tuple[Path, Path]:
    """Folders as extract and normalise leave them: (features, normalise)."""
    rows = [feature_row(i, "train" if i < n_training else "validation") for i in range(n_training + n_validation)]
    contract = features_contract(N_MELS)
    for shard in range(2):
        write_table(root / "extract" / "toy" / shard_name(shard, 2), contract.table(rows[shard::2]), contract)
    norm = {"n_utterances": n_training, "n_frames": 1000, "n_voiced_frames": 500, "energy_mean_db": -28.0, "energy_std_db": 9.0}
    norm |= {"log_f0_std": 0.3, "mel_mean_ln": -5.5, "mel_std_ln": 2.0}
    means = {CORPUS_ROW: 5.2, SPEAKERS[0]: 4.8, SPEAKERS[1]: 5.5}
    table = STATISTICS.table([{"speaker": name, "log_f0_mean": mean, **norm} for name, mean in means.items()])
    write_table(root / "normalise" / "statistics.parquet", table, STATISTICS)
    names = {"corpora": ("toy",), "phones": PHONES, "speakers": SPEAKERS, "emotions": EMOTIONS}
    (root / "normalise" / "vocabulary.json").write_text(json.dumps(names), encoding="utf-8")
    return root / "extract", root / "normalise"


def write_voices(root: Path, unseen: str | None = None) -> Path:
    """Made-up voices of the toy corpus: each speaker's utterances near a direction of the speaker's own; the last of 30 has none.

    `unseen` names a third speaker, with two utterances.
    """
    made = [feature_row(index, "train" if index < 24 else "validation") for index in range(29)]
    if unseen is not None:
        made += [{"utterance_id": f"{unseen}/u{index}", "speaker": unseen, "split": "test"} for index in range(2)]
    rows = []
    for index, row in enumerate(made):
        vector = np.random.default_rng(index).uniform(0, 0.02, VOICE_CHANNELS)
        vector[[*SPEAKERS, unseen].index(row["speaker"])] += 1.0
        names = {name: row[name] for name in ("utterance_id", "speaker", "split")}
        rows.append({**names, "audio_sha256": f"{index:064x}", "made_by": "test", "voice": (vector / np.linalg.norm(vector)).tolist()})
    write_table(root / "toy" / "voices.parquet", VOICES.table(rows), VOICES)
    return root
