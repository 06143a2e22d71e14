"""One row of features: what it depends on, how it is computed, and rows as an Arrow table."""

import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import audio
from pipeline.duration import frames_between, phone_pools
from pipeline.extractors.registry import EXTRACTORS
from pipeline.quality import audio_measures
from pipeline.storage import Root, local_copy
from pipeline.tracks import analyse
from schemas.errors import DependencyError, RowError
from schemas.params import DurationParams, EnergyParams, ExtractorName, FramesParams, MelParams, PitchParams, Section
from schemas.reasons import Reason
from schemas.tables.alignments import Interval
from schemas.tables.contract import Contract

EXTRACTOR_VERSION = 2  # raise it when a change of code changes values: every row is then computed again

METADATA = ("utterance_id", "corpus", "speaker", "emotion", "intensity", "language", "split", "text")
_FOR_LIMITS_ALONE = {"floor_hz", "ceiling_hz", "adaptive", "floor_factor", "ceiling_factor", "sample_utterances"}


class FeatureParams(Section):
    """Parameters that a row of features depends on."""

    frames: FramesParams
    mel: MelParams
    pitch: PitchParams
    energy: EnergyParams
    duration: DurationParams


def fingerprinted(
    utterance: dict[str, Any], alignment: dict[str, Any], params: FeatureParams, limits: tuple[float, float]
) -> dict[str, Any]:
    """A feature row's metadata and limits, and the sha256 of all that the row depends on.

    Raises
    ------
    AssertionError
        If the two rows are not of one utterance. That is a defect of ours.
    """
    if utterance["utterance_id"] != alignment["utterance_id"]:
        raise AssertionError(f"joined {utterance['utterance_id']} with {alignment['utterance_id']}, please report it")
    row = {name: utterance[name] for name in METADATA} | {"f0_floor_hz": limits[0], "f0_ceiling_hz": limits[1]}
    depends_on = [row, utterance["audio_sha256"], alignment["phones"], alignment["duration_s"], _feature_params(params)]
    text = json.dumps([*depends_on, EXTRACTOR_VERSION, tool_versions(params.pitch.extractor)], sort_keys=True)
    return row | {"fingerprint": hashlib.sha256(text.encode()).hexdigest()}


def _feature_params(params: FeatureParams) -> dict[str, Any]:
    """Parameters that a row depends on; those that only find pitch limits act through the limits."""
    whole = params.model_dump(include={"frames", "mel", "pitch", "energy", "duration"})
    whole["pitch"] = {name: value for name, value in whole["pitch"].items() if name not in _FOR_LIMITS_ALONE}
    return whole


@cache
def tool_versions(extractor: ExtractorName) -> dict[str, str]:
    """Versions of the libraries that a row depends on.

    Raises
    ------
    DependencyError
        If the extractor's package is not installed.
    """
    package = EXTRACTORS[extractor].package
    try:
        return {name: version(name) for name in ("numpy", "scipy", "soundfile", "soxr", package)}
    except PackageNotFoundError as error:
        raise DependencyError(f"`pitch.extractor: {extractor}` needs a package: pip install {package}") from error


def load_hashed(utterance: dict[str, Any], root: Root, sample_rate_hz: int, again: bool = False) -> NDArray[np.float32]:
    """The samples of the very file that ingest hashed; `again` as for `pipeline.storage.local_copy`."""
    with local_copy(root, utterance["audio_path"], again) as file:
        return audio.load_unchanged(file, utterance["audio_sha256"], sample_rate_hz)


def features(
    row: dict[str, Any], utterance: dict[str, Any], alignment: dict[str, Any], root: Root, params: FeatureParams
) -> dict[str, Any]:
    """All columns that come from the audio and its phones, and its `AudioMeasures` as ``audio_measures``."""
    grid = params.frames.grid()
    native = load_hashed(utterance, root, utterance["sample_rate_hz"])
    samples = audio.resample(native, utterance["sample_rate_hz"], grid.sample_rate_hz)
    n_frames = grid.n_frames(len(samples))
    if n_frames == 0:
        raise RowError(
            Reason.AUDIO_TOO_SHORT, f"{len(samples)} samples at {grid.sample_rate_hz} Hz do not fill one hop of {grid.hop_samples}"
        )
    excess_s = alignment["duration_s"] - len(samples) / grid.sample_rate_hz
    if abs(excess_s) > grid.hop_s:  # resampling rounds by a sample or two; a hop is another recording
        raise RowError(Reason.ALIGNMENT_MISMATCH, f"the alignment's duration is {excess_s:+.3f} s off the audio's", excess_s)
    phones = [Interval(**phone) for phone in alignment["phones"]]
    durations = frames_between(phones, grid, n_frames, params.duration.zero_frame_phones)
    limits = row["f0_floor_hz"], row["f0_ceiling_hz"]
    tracks = analyse(samples, grid, params.mel, params.pitch, params.energy, *limits)
    pools = phone_pools(tracks.f0_hz, tracks.energy_db, durations, grid.hop_s)
    return {
        "audio_measures": audio_measures(native, utterance["sample_rate_hz"], phones, tracks.voiced, grid.hop_s),
        "phones": [phone.label for phone in phones],
        "duration_frames": durations,
        "n_frames": n_frames,
        **vars(tracks),
        "phone_log_f0": pools.log_f0,
        "phone_log_f0_slope": pools.log_f0_slope,
        "phone_energy_db": pools.energy_db,
    }


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
