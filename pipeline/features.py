"""One row of features: its parts, each computed unless an earlier run's is still true, and rows as an Arrow table."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import audio
from pipeline.duration import frames_between, phone_pools
from pipeline.energy import frame_energy_db
from pipeline.fingerprints import FeatureParams
from pipeline.pitch import extract_f0
from pipeline.quality import AudioMeasures, audio_measures
from pipeline.storage import Root, local_copy
from pipeline.tracks import mel_track
from schemas.errors import RowError
from schemas.reasons import Reason
from schemas.tables.alignments import Interval
from schemas.tables.contract import Contract

Columns = dict[str, Any]


def load_hashed(utterance: dict[str, Any], root: Root, sample_rate_hz: int, again: bool = False) -> NDArray[np.float32]:
    """The samples of the very file that ingest hashed; `again` as for `pipeline.storage.local_copy`."""
    with local_copy(root, utterance["audio_path"], again) as file:
        return audio.load_unchanged(file, utterance["audio_sha256"], sample_rate_hz)


class Analysis:
    """The features and measures of one utterance. Only what is asked for is computed, and the recording read only if that needs it.

    Parameters
    ----------
    utterance, alignment
        Rows of the two tables, of one utterance.
    limits
        Floor and ceiling of the search for F0, Hz.
    root
        The corpus folder.
    params
        Of the features.
    kept
        Columns (see `PART_COLUMNS`) of the parts of an earlier run that are still true.
    measures
        Those of an earlier run, if still true.

    Attributes
    ----------
    computed
        Names of what had to be computed: parts of `PART_COLUMNS`, and ``measures``.
    """

    def __init__(
        self,
        utterance: dict[str, Any],
        alignment: dict[str, Any],
        limits: tuple[float, float],
        root: Root,
        params: FeatureParams,
        kept: Mapping[str, Columns],
        measures: AudioMeasures | None,
    ) -> None:
        self.computed: list[str] = []
        self._utterance, self._alignment, self._limits, self._root, self._params = utterance, alignment, limits, root, params
        self._parts, self._measures = dict(kept), measures
        self._grid = params.frames.grid()
        self._phones = [Interval(**phone) for phone in alignment["phones"]]

    def measures(self) -> AudioMeasures:
        """Measures of the recording.

        Raises
        ------
        RowError
            As `audio.load_unchanged`; AUDIO_TOO_SHORT below one frame; ALIGNMENT_MISMATCH if the alignment is of another length.
        """
        if self._measures is None:
            self._check_length()
            voiced = self._part("pitch")["voiced"]
            self._measures = audio_measures(self._native, self._utterance["sample_rate_hz"], self._phones, voiced, self._grid.hop_s)
            self.computed.append("measures")
        return self._measures

    def columns(self) -> Columns:
        """All columns that come from the recording and its phones. Raises as `measures` and `frames_between`."""
        parts = [self._part(part) for part in ("durations", "pitch", "energy", "mel", "pools")]
        return {name: value for columns in parts for name, value in columns.items()}

    def _part(self, part: str) -> Columns:
        if part not in self._parts:
            self._parts[part] = getattr(self, f"_{part}")()
            self.computed.append(part)
        return self._parts[part]

    def _durations(self) -> Columns:
        self._check_length()
        n_frames = self._n_frames
        durations = frames_between(self._phones, self._grid, n_frames, self._params.duration.zero_frame_phones)
        return {"phones": [phone.label for phone in self._phones], "duration_frames": durations, "n_frames": n_frames}

    def _mel(self) -> Columns:
        return {"mel_ln": mel_track(self._samples, self._grid, self._params.mel)}

    def _pitch(self) -> Columns:
        floor_hz, ceiling_hz = self._limits
        f0_hz = extract_f0(self._samples, self._grid, self._params.pitch, floor_hz=floor_hz, ceiling_hz=ceiling_hz)
        return {"f0_hz": f0_hz, "voiced": np.isfinite(f0_hz)}

    def _energy(self) -> Columns:
        return {"energy_db": frame_energy_db(self._samples, self._grid, floor_db=self._params.energy.floor_db)}

    def _pools(self) -> Columns:
        f0_hz, energy_db, durations = (
            self._part("pitch")["f0_hz"],
            self._part("energy")["energy_db"],
            self._part("durations")["duration_frames"],
        )
        pools = phone_pools(f0_hz, energy_db, durations, self._grid.hop_s)
        return {"phone_log_f0": pools.log_f0, "phone_log_f0_slope": pools.log_f0_slope, "phone_energy_db": pools.energy_db}

    def _check_length(self) -> None:
        rate_hz, hop = self._grid.sample_rate_hz, self._grid.hop_samples
        if self._n_frames == 0:
            raise RowError(Reason.AUDIO_TOO_SHORT, f"{self._n_samples} samples at {rate_hz} Hz do not fill one hop of {hop}")
        excess_s = self._alignment["duration_s"] - self._n_samples / rate_hz
        if abs(excess_s) > self._grid.hop_s:  # resampling rounds by a sample or two; a hop is another recording
            raise RowError(Reason.ALIGNMENT_MISMATCH, f"the alignment's duration is {excess_s:+.3f} s off the audio's", excess_s)

    @property
    def _n_frames(self) -> int:
        return self._grid.n_frames(self._n_samples)

    @cached_property
    def _n_samples(self) -> int:
        """Samples at the grid's rate, without reading the recording where a track of it is kept: then ingest's count was found true."""
        if not self._parts.keys() & {"mel", "pitch", "energy"}:
            return len(self._samples)
        return audio.resampled_length(self._utterance["n_samples"], self._utterance["sample_rate_hz"], self._grid.sample_rate_hz)

    @cached_property
    def _native(self) -> NDArray[np.float32]:
        return load_hashed(self._utterance, self._root, self._utterance["sample_rate_hz"])

    @cached_property
    def _samples(self) -> NDArray[np.float32]:
        return audio.resample(self._native, self._utterance["sample_rate_hz"], self._grid.sample_rate_hz)


def feature_table(rows: list[dict[str, Any]], contract: Contract) -> pa.Table:
    """Rows with arrays for list columns as a table of the contract; arrays never become Python lists on the way."""
    if not rows:
        return contract.arrow.empty_table()
    return pa.table([_column([row[field.name] for row in rows], field.type) for field in contract.arrow], schema=contract.arrow)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not isinstance(values[0], np.ndarray):
        return pa.array(values, type=kind)
    offsets = np.concatenate([[0], np.cumsum([len(value) for value in values])]).astype(np.int32)
    flat = pa.array(np.concatenate(values).ravel())
    if pa.types.is_fixed_size_list(kind.value_type):
        flat = pa.FixedSizeListArray.from_arrays(flat, type=kind.value_type)
    return pa.ListArray.from_arrays(offsets, flat, type=kind)
