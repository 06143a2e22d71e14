"""What each part of a feature row depends on: the one place that decides what a change computes again.

A part is computed again when its fingerprint changed, the sha256 of its recipe (parameters, libraries, our code: the same for all rows)
and of what the row brings (recording, pitch limits, phones). Metadata is in no part: another emotion or text computes nothing.
"""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline.digests import digest
from pipeline.extractors.registry import EXTRACTORS
from pipeline.quality import MEASURES_VERSION
from schemas.errors import DependencyError
from schemas.params import DurationParams, EnergyParams, ExtractorName, FramesParams, MelParams, PitchParams, Section
from schemas.tables.features import PARTS

# Raise one when a change of code changes that part's values: it is then computed again. Pools of phones belong to durations.
CODE_VERSIONS = {"mel": 2, "pitch": 2, "energy": 2, "durations": 2}

METADATA = ("utterance_id", "corpus", "speaker", "emotion", "intensity", "language", "split", "text")
_FOR_LIMITS_ALONE = {
    "floor_hz",
    "ceiling_hz",
    "adaptive",
    "floor_factor",
    "ceiling_factor",
    "sample_utterances",
}  # they act through the limits
_CLOCK = {"sample_rate_hz", "hop_samples"}  # all that a part without a window of ours knows of frames

Recipe = dict[str, dict[str, Any]]


class FeatureParams(Section):
    """Parameters that a row of features depends on."""

    frames: FramesParams
    mel: MelParams
    pitch: PitchParams
    energy: EnergyParams
    duration: DurationParams


def recipe(params: FeatureParams) -> Recipe:
    """By part, what all rows have in common: ``params`` as in params.yaml, ``tools`` (library to version) and ``code``.

    Raises
    ------
    DependencyError
        If the extractor's package is not installed.
    """
    clock, windows = params.frames.model_dump(include=_CLOCK), params.frames.model_dump()
    sections: dict[str, dict[str, Any]] = {
        "mel": {"frames": windows, "mel": params.mel.model_dump()},
        "pitch": {"frames": clock, "pitch": params.pitch.model_dump(exclude=_FOR_LIMITS_ALONE)},
        "energy": {"frames": windows, "energy": params.energy.model_dump()},
        "durations": {"frames": clock, "duration": params.duration.model_dump()},
    }
    tools = {part: tool_versions(params.pitch.extractor if part == "pitch" else None) for part in PARTS}
    return {part: {"params": sections[part], "tools": tools[part], "code": CODE_VERSIONS[part]} for part in PARTS}


def part_fingerprints(made_by: Recipe, audio_sha256: str, limits: tuple[float, float], alignment: dict[str, Any]) -> dict[str, str]:
    """The fingerprint of each part of one row.

    Parameters
    ----------
    made_by
        `recipe`.
    audio_sha256
        Of the file's bytes.
    limits
        Floor and ceiling of the search for F0, Hz.
    alignment
        A row of the alignments table.
    """
    own: dict[str, list[Any]] = {"mel": [], "pitch": [*limits], "energy": [], "durations": [alignment["phones"], alignment["duration_s"]]}
    return {part: digest(made_by[part], audio_sha256, own[part]) for part in PARTS}


def row_fingerprint(metadata: dict[str, Any], parts: dict[str, str]) -> str:
    """Of a whole row of features: its parts, and its metadata."""
    return digest([metadata[name] for name in METADATA], parts)


def measures_of(parts: dict[str, str], alignment: dict[str, Any]) -> str:
    """The fingerprint of `AudioMeasures`, which are taken from the recording, its voicing and its phones."""
    taken_from = digest(parts["pitch"], alignment["phones"], alignment["duration_s"])
    return hashlib.sha256(f"{taken_from} {MEASURES_VERSION}".encode()).hexdigest()


def sample_fingerprint(made_by: Recipe, audio_sha256: str, pitch: PitchParams) -> str:
    """Of what the first pass hears of an utterance, between the widest limits."""
    return digest(made_by["pitch"], audio_sha256, [pitch.floor_hz, pitch.ceiling_hz])


@cache
def tool_versions(extractor: ExtractorName | None) -> dict[str, str]:
    """Versions of the libraries that read recordings and compute, and of the extractor's.

    Raises
    ------
    DependencyError
        If the extractor's package is not installed.
    """
    package = EXTRACTORS[extractor].package if extractor else None
    try:
        return {name: version(name) for name in sorted({"numpy", "scipy", "soundfile", "soxr"} | ({package} if package else set()))}
    except PackageNotFoundError as error:
        raise DependencyError(f"`pitch.extractor: {extractor}` needs a package: pip install {package}") from error
