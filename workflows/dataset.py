"""Feature rows as the model wants them: ids for names, normalised at read time, padded into batches."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from model.batch import UNKNOWN_PHONE, UNKNOWN_STYLE, Batch, Conditions, Part
from model.prosody import Prosody
from pipeline.shards import read_table
from pipeline.speaker_embedding import mean_voice
from schemas.errors import ParamsError, TableError
from schemas.tables.speakers import CORPUS_ROW, STATISTICS
from schemas.tables.voices import VOICE_CHANNELS, VOICES

Statistics = dict[str, dict[str, float]]

_Z_LIMIT = 4.0  # z-scores beyond are octave errors and digital silence; they would only make the networks extrapolate


@dataclass(frozen=True)
class Vocabulary:
    """Corpora learnt from, and names in order of their ids.

    Phones count from 2 (0 is padding, 1 unknown), speakers and emotions from 1 (0 is unknown).
    """

    corpora: tuple[str, ...]
    phones: tuple[str, ...]
    speakers: tuple[str, ...]
    emotions: tuple[str, ...]

    def phone_ids(self, phones: Sequence[str]) -> NDArray[np.int64]:
        """Ids of phones, int64 of shape (L,); `UNKNOWN_PHONE` for one that training never saw."""
        table = {name: index + UNKNOWN_PHONE + 1 for index, name in enumerate(self.phones)}
        return np.array([table.get(phone, UNKNOWN_PHONE) for phone in phones], dtype=np.int64)

    def speaker_id(self, speaker: str) -> int:
        """Id of a speaker, `UNKNOWN_STYLE` for one that training never saw."""
        return self.speakers.index(speaker) + 1 if speaker in self.speakers else UNKNOWN_STYLE

    def emotion_id(self, emotion: str) -> int:
        """Id of an emotion, `UNKNOWN_STYLE` for one that training never saw."""
        return self.emotions.index(emotion) + 1 if emotion in self.emotions else UNKNOWN_STYLE


@dataclass(frozen=True)
class Example:
    """An utterance as the model wants it: ids, and z-scores by its speaker's statistics.

    Parameters
    ----------
    phones
        Phone ids, int64 of shape (L,).
    durations
        Frames a phone, int64 of shape (L,).
    pitch_scale
        Mean and standard deviation of the speaker's log-F0, ln Hz.
    log_f0_z, voiced, energy_z
        float32 of shape (T,); log-F0 is interpolated in log over unvoiced frames.
    mel_ln
        float32 of shape (T, n_mels).
    voice
        How the speaker sounds: a d-vector, float32 of shape (VOICE_CHANNELS,), or (0,) where the row has none.
    """

    utterance_id: str
    speaker: int
    emotion: int
    pitch_scale: tuple[float, float]
    phones: NDArray[np.int64]
    durations: NDArray[np.int64]
    log_f0_z: NDArray[np.float32]
    voiced: NDArray[np.float32]
    energy_z: NDArray[np.float32]
    mel_ln: NDArray[np.float32]
    voice: NDArray[np.float32]


@dataclass(frozen=True)
class Voices:
    """d-vectors of recordings, from the stage voices.

    Parameters
    ----------
    row_of
        Row of each utterance id.
    vectors
        float32 of shape (n, VOICE_CHANNELS).
    means
        Of each training speaker, float32 of shape (n_speakers, VOICE_CHANNELS) by the vocabulary's ids; zero for unknown and unheard ones.
    """

    row_of: dict[str, int]
    vectors: NDArray[np.float32]
    means: NDArray[np.float32]

    def given_to(self, row: dict[str, object]) -> dict[str, object]:
        """A feature row with its `voice`, where there is one."""
        at = self.row_of.get(str(row["utterance_id"]))
        return row if at is None else {**row, "voice": self.vectors[at]}


NO_VOICES = Voices({}, np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32))


def read_voices(folder: Path, vocabulary: Vocabulary) -> Voices:
    """Voices of the vocabulary's corpora; the training split alone makes the means.

    Raises
    ------
    TableError
        If a table is missing or breaks its contract.
    ParamsError
        If no utterance of the training split has a voice.
    """
    tables = [read_table(folder / corpus / "voices.parquet", VOICES) for corpus in vocabulary.corpora]
    table = pa.concat_tables(tables)
    vectors = np.asarray(table.column("voice").combine_chunks().flatten(), dtype=np.float32).reshape(-1, VOICE_CHANNELS)
    speaker = np.array([vocabulary.speaker_id(name) for name in table.column("speaker").to_pylist()], dtype=np.int64)
    training = np.array([split == "train" for split in table.column("split").to_pylist()], dtype=bool)
    if not training.any():
        raise ParamsError("model.speaker: external needs the voices of the training split; set voices.embedding: resemblyzer")
    means = np.zeros((len(vocabulary.speakers) + 1, VOICE_CHANNELS), np.float32)
    for known in np.unique(speaker[training & (speaker != UNKNOWN_STYLE)]):
        means[known] = mean_voice(vectors[training & (speaker == known)])
    ids = table.column("utterance_id").to_pylist()
    return Voices({name: row for row, name in enumerate(ids)}, vectors, means)


def unseen_voices(folder: Path, vocabulary: Vocabulary) -> dict[str, NDArray[np.float32]]:
    """The mean d-vector of each speaker of the vocabulary's corpora whom training never saw, of all their recordings.

    Raises
    ------
    TableError
        If a table is missing or breaks its contract.
    """
    vectors: dict[str, list[list[float]]] = {}
    for corpus in vocabulary.corpora:
        for row in read_table(folder / corpus / "voices.parquet", VOICES, ["speaker", "voice"]).to_pylist():
            if row["speaker"] not in vocabulary.speakers:
                vectors.setdefault(row["speaker"], []).append(row["voice"])
    return {name: mean_voice(np.array(rows, dtype=np.float32)) for name, rows in sorted(vectors.items())}


def read_vocabulary(normalise: Path) -> Vocabulary:
    """Phones, speakers and emotions of the training split.

    Raises
    ------
    TableError
        If the file is missing or malformed.
    """
    path = normalise / "vocabulary.json"
    try:
        return vocabulary_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableError(f"{path} cannot be read ({type(error).__name__}: {error}); run `dvc repro normalise`") from None


def vocabulary_from(document: dict[str, list[str]]) -> Vocabulary:
    """A vocabulary from its JSON form, ``{"corpora": [...], "phones": [...], "speakers": [...], "emotions": [...]}``."""
    return Vocabulary(*(tuple(str(name) for name in document[key]) for key in ("corpora", "phones", "speakers", "emotions")))


def read_statistics(normalise: Path) -> Statistics:
    """Rows of the statistics table by speaker, with `CORPUS_ROW` over all.

    Raises
    ------
    TableError
        If the table is missing, breaks its contract, or has no row over all speakers.
    """
    rows = read_table(normalise / "statistics.parquet", STATISTICS).to_pylist()
    statistics = {row["speaker"]: {key: float(value) for key, value in row.items() if key != "speaker"} for row in rows}
    if CORPUS_ROW not in statistics:
        raise TableError(f"{normalise / 'statistics.parquet'} has no row '{CORPUS_ROW}'; run `dvc repro normalise`")
    return statistics


def example_from(row: dict[str, object], vocabulary: Vocabulary, statistics: Statistics) -> Example:
    """A feature row (arrays or lists) with ids for names and z-scores for Hz and dB; an unseen speaker gets the corpus's statistics.

    A row may have a `voice` beside its features.
    """
    norm = statistics.get(str(row["speaker"]), statistics[CORPUS_ROW])
    f0_hz = np.asarray(row["f0_hz"], dtype=np.float64)
    log_f0 = (np.log(fill_unvoiced(f0_hz, np.exp(norm["log_f0_mean"]))) - norm["log_f0_mean"]) / norm["log_f0_std"]
    energy = (np.asarray(row["energy_db"], dtype=np.float64) - norm["energy_mean_db"]) / norm["energy_std_db"]
    return Example(
        utterance_id=str(row["utterance_id"]),
        speaker=vocabulary.speaker_id(str(row["speaker"])),
        emotion=vocabulary.emotion_id(str(row["emotion"])),
        pitch_scale=(norm["log_f0_mean"], norm["log_f0_std"]),
        phones=vocabulary.phone_ids(list(row["phones"])),  # type: ignore[call-overload]
        durations=np.asarray(row["duration_frames"], dtype=np.int64),
        log_f0_z=log_f0.clip(-_Z_LIMIT, _Z_LIMIT).astype(np.float32),
        voiced=np.isfinite(f0_hz).astype(np.float32),
        energy_z=energy.clip(-_Z_LIMIT, _Z_LIMIT).astype(np.float32),
        mel_ln=np.asarray(row["mel_ln"], dtype=np.float32),
        voice=np.asarray(row.get("voice", ()), dtype=np.float32),
    )


def fill_unvoiced(f0_hz: NDArray[np.float64], otherwise_hz: float) -> NDArray[np.float64]:
    """F0 with unvoiced frames filled: linear in log-F0 between voiced neighbours, constant outside them.

    Parameters
    ----------
    f0_hz
        float64 of shape (T,), NaN where unvoiced.
    otherwise_hz
        Value of all frames when none is voiced.
    """
    voiced = np.flatnonzero(np.isfinite(f0_hz))
    if len(voiced) == 0:
        return np.full_like(f0_hz, otherwise_hz)
    filled: NDArray[np.float64] = np.exp(np.interp(np.arange(len(f0_hz)), voiced, np.log(f0_hz[voiced])))
    return filled


def collate(examples: Sequence[Example], part: Part | None = None, n_frames: int = 0) -> Batch:
    """Pad examples with zeros to the longest and stack them as CPU tensors.

    Parameters
    ----------
    part
        Which rows of a batch over several processes they are; None: the whole.
    n_frames
        Frames to pad to at least: those of the whole batch.
    """
    prosody = Prosody(*(_pad([getattr(e, name) for e in examples], n_frames) for name in ("log_f0_z", "voiced", "energy_z")))
    phones = _pad([e.phones for e in examples])
    speaker, emotion = (torch.tensor([getattr(e, name) for e in examples]) for name in ("speaker", "emotion"))
    conditions = Conditions(phones, speaker, emotion, torch.tensor([e.pitch_scale for e in examples]), _pad([e.voice for e in examples]))
    durations, mel_ln = _pad([e.durations for e in examples]), _pad([e.mel_ln for e in examples], n_frames)
    return Batch(tuple(e.utterance_id for e in examples), conditions, durations, prosody, mel_ln, part or Part(0, 1, len(examples)))


def _pad(arrays: list[NDArray[np.generic]], length: int = 0) -> torch.Tensor:
    """Stack arrays, zeros after their ends, `length` long or as long as the longest."""
    stacked = np.zeros((len(arrays), max([length, *map(len, arrays)]), *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(stacked, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(stacked)


def rows_of(table: pa.Table) -> list[dict[str, object]]:
    """Rows with list columns as numpy views: `to_pylist` would make a Python float of every mel value."""
    columns = {name: _values(table.column(name).combine_chunks()) for name in table.column_names}
    return [{name: values[index] for name, values in columns.items()} for index in range(table.num_rows)]


def _values(column: pa.Array) -> list[object]:
    if not pa.types.is_list(column.type):
        return list(column.to_pylist())
    flat = column.flatten()
    if pa.types.is_fixed_size_list(flat.type):
        array = flat.flatten().to_numpy().reshape(len(flat), flat.type.list_size)
    else:
        array = flat.to_numpy(zero_copy_only=False)
    offsets = column.offsets.to_numpy() - column.offsets[0].as_py()
    return [array[start:end] for start, end in pairwise(offsets)]
