"""What evaluate learns of the real training split: how its emotions sound, and the voice of each speaker."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline import audio, cluster, shards, storage
from pipeline.storage import Root
from schemas.errors import RowError
from schemas.tables.utterances import UTTERANCES
from workflows import emotion_classifier, judges
from workflows.emotion_classifier import Clip, EmotionClassifier
from workflows.judges import Voice

VOICE_CLIPS = 5  # of a speaker; Resemblyzer's embeddings of more hardly differ
_COLUMNS = ("utterance_id", "speaker", "split", "audio_path")


class Recording(NamedTuple):
    """A real recording: what it is, and where its audio lies."""

    utterance_id: str
    speaker: str
    split: str
    root: Root
    audio_path: str

    def load(self, sample_rate_hz: int) -> NDArray[np.float32]:
        """Its samples as one channel."""
        with storage.local_copy(self.root, self.audio_path, False) as path:
            return audio.load(path, sample_rate_hz)


def by_hash(ids: Sequence[str], n: int) -> list[str]:
    """At most `n` of the ids, chosen by the hash of each, in that order: other ids coming or going move few."""
    return sorted(ids, key=lambda name: hashlib.sha256(name.encode()).digest())[:n]


def recordings(ingest: Path, roots: dict[str, Root]) -> dict[str, Recording]:
    """The recordings of some corpora, by utterance; `ingest` has a folder a corpus, `roots` says where each lies."""
    return {
        row["utterance_id"]: Recording(row["utterance_id"], row["speaker"], row["split"], root, row["audio_path"])
        for corpus, root in roots.items()
        for row in shards.read_table(ingest / corpus / "utterances.parquet", UTTERANCES, _COLUMNS).to_pylist()
    }


def learn_emotions(paths: Sequence[Path], n_clips: int, hop_s: float) -> EmotionClassifier | None:
    """A classifier of emotions learned on at most `n_clips` utterances of the training split; None where there is too little to learn.

    Parameters
    ----------
    paths
        Feature shards.
    n_clips
        Utterances, chosen by hash; 0: no classifier.
    hop_s
        Seconds a frame.
    """
    shard_of = {row["utterance_id"]: path for path in paths for row in shards.iter_rows([path], ["utterance_id", "split"]) if _trains(row)}
    wanted: dict[Path, list[str]] = {}
    for name in by_hash(list(shard_of), n_clips):
        wanted.setdefault(shard_of[name], []).append(name)
    batches = [[(path, frozenset(names))] for path, names in sorted(wanted.items())]
    found = [clip for clips in cluster.map_batches(partial(_clips, hop_s=hop_s), batches, "emotions") for clip in clips]
    return emotion_classifier.learn([clip for _, clip in sorted(found, key=lambda named: named[0])])


def learn_voices(speakers: set[str], at: dict[str, Recording]) -> dict[str, Voice]:
    """The voice (`judges.voice_of`) of each speaker by `VOICE_CLIPS` of its training utterances; speakers not heard in any are left out."""
    clips: dict[str, list[str]] = {}
    for name, recording in at.items():
        if recording.split == "train" and recording.speaker in speakers:
            clips.setdefault(recording.speaker, []).append(name)
    batches = [[(speaker, [at[name] for name in by_hash(names, VOICE_CLIPS)])] for speaker, names in sorted(clips.items())]
    return dict(voice for voices in cluster.map_batches(_voices, batches, "voices") for voice in voices)


def _trains(row: dict[str, Any]) -> bool:
    return bool(row["split"] == "train")


def _clips(shares: list[tuple[Path, frozenset[str]]], hop_s: float) -> list[tuple[str, Clip]]:
    """Utterance and clip of the named rows of some shards."""
    columns = ["utterance_id", "emotion", "speaker", "text", "mel_ln", "f0_hz", "energy_db"]
    rows = (row for path, names in shares for row in shards.iter_rows([path], columns) if row["utterance_id"] in names)
    return [(row["utterance_id"], Clip(row["emotion"], row["speaker"], row["text"], described(row, hop_s))) for row in rows]


def described(row: dict[str, Any], hop_s: float) -> NDArray[np.float64]:
    """`emotion_classifier.describe` of a row of features."""
    mel_ln, f0_hz, energy_db = (np.asarray(row[name], np.float32) for name in ("mel_ln", "f0_hz", "energy_db"))
    return emotion_classifier.describe(mel_ln, f0_hz, energy_db, hop_s)


def _voices(shares: list[tuple[str, list[Recording]]]) -> list[tuple[str, Voice]]:
    heard = [(speaker, judges.voice_of(list(_loaded(clips)))) for speaker, clips in shares]
    return [(speaker, voice) for speaker, voice in heard if voice is not None]


def _loaded(clips: list[Recording]) -> Iterator[NDArray[np.float32]]:
    """Samples of those that can still be had."""
    for clip in clips:
        with suppress(RowError):
            yield clip.load(judges.SAMPLE_RATE_HZ)
