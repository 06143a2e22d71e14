"""`params.yaml` as typed, frozen parameters. Unknown, missing or ill-typed keys stop the run by name.

Each stage declares a subclass of `Section` whose fields are the top-level keys that it reads (the same keys that `dvc.yaml`
lists for it; a test compares them) and calls ``load_params(path, ThatClass)``. The whole file is checked each time, so that a
slip anywhere is found by the first stage that runs; only the declared keys are handed over.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import ParamsError
from schemas.frames import FrameGrid

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]

AdapterName = Literal[
    "esd", "emodb", "ravdess", "crema_d", "emov_db", "savee", "tess", "jl_corpus", "nemo", "emotale",
    "ljspeech", "vctk", "libritts", "huggingface", "folder",
]  # fmt: skip
AlignerName = Literal["pocketsphinx", "textgrid", "mfa"]
ExtractorName = Literal["ac_voiced", "praat_ac", "dio", "harvest", "swift_f0"]
SplitName = Literal["train", "validation", "test"]
SplitBy = Literal["text", "speaker", "official"]
Sampler = Literal["euler", "ode2", "sde"]


class Section(BaseModel):
    """A frozen block of parameters: no unknown keys, no defaults, no silent conversion (only int to float)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CsvTable(Section):
    """Where a table of metadata keeps what: file, delimiter, and the column of each field (null: the corpus has none)."""

    file: str
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)]
    audio: str
    text: str
    speaker: str | None
    emotion: str | None


class CorpusParams(Section):
    """One corpus: where it lies, how to read it, how to align it."""

    adapter: AdapterName
    root: str
    language: str
    aligner: AlignerName
    textgrid_dir: str
    table: CsvTable | None


class IngestParams(Section):
    """Limits on recordings, and the split."""

    min_duration_s: Annotated[float, Field(ge=0.05, le=10)]
    max_duration_s: Annotated[float, Field(ge=1, le=600)]
    min_peak_db: Annotated[float, Field(ge=-120, le=0)]
    split_by: SplitBy
    validation_share: Annotated[float, Field(ge=0, le=0.5)]
    test_share: Annotated[float, Field(ge=0, le=0.5)]
    split_salt: str
    max_reject_share: Share


class PocketsphinxParams(Section):
    """The pip-only aligner."""

    min_score: Annotated[float, Field(ge=-200, le=0)]
    min_score_mapped: Annotated[float, Field(ge=-200, le=0)]
    oov: Literal["g2p", "reject"]
    boundary_shift_s: Annotated[float, Field(ge=-0.05, le=0.05)]
    refine: Literal["corpus", "none"]
    refine_min_utterances: Annotated[int, Field(ge=1, le=1000)]
    refine_max_utterances: Annotated[int, Field(ge=1, le=100000)]
    refine_list: str | None
    refine_min_fit: Annotated[float, Field(ge=-100, le=0)]
    refine_reach_s: Annotated[float, Field(gt=0, le=0.5)]


class TextGridParams(Section):
    """Alignments that exist."""

    phone_tier: str
    word_tier: str


class MfaParams(Section):
    """Montreal Forced Aligner's command line."""

    command: str
    mode: Literal["align", "train"]
    validate_first: bool
    acoustic_model: str
    dictionary: str
    single_speaker: bool


class AlignParams(Section):
    """Alignment, one block an aligner."""

    max_reject_share: Share
    pocketsphinx: PocketsphinxParams
    textgrid: TextGridParams
    mfa: MfaParams


class FramesParams(Section):
    """The numbers behind `FrameGrid`."""

    sample_rate_hz: Annotated[int, Field(ge=8000, le=48000)]
    hop_samples: Annotated[int, Field(ge=32, le=2048)]
    window_samples: Annotated[int, Field(ge=32, le=8192)]
    n_fft: Annotated[int, Field(ge=64, le=8192)]

    def grid(self) -> FrameGrid:
        """The frame grid that every feature obeys."""
        return FrameGrid(self.sample_rate_hz, self.hop_samples, self.window_samples, self.n_fft)


class MelParams(Section):
    """Log-mel spectrogram, HiFi-GAN's recipe."""

    n_mels: Annotated[int, Field(ge=16, le=256)]
    f_min_hz: Annotated[float, Field(ge=0, le=1000)]
    f_max_hz: Annotated[float, Field(gt=1000, le=24000)]
    amplitude_floor: Annotated[float, Field(ge=1e-10, le=1e-2)]


class PitchParams(Section):
    """F0 extraction."""

    extractor: ExtractorName
    floor_hz: Annotated[float, Field(ge=30, le=300)]
    ceiling_hz: Annotated[float, Field(ge=200, le=2000)]
    adaptive: bool
    floor_factor: Annotated[float, Field(ge=0.3, le=1)]
    ceiling_factor: Annotated[float, Field(ge=1.2, le=4)]
    sample_utterances: Annotated[int, Field(ge=1, le=10000)]
    min_confidence: Annotated[float, Field(ge=0.05, le=0.95)]
    voicing_threshold: Share
    silence_threshold: Share
    octave_cost: Annotated[float, Field(ge=0, le=0.2)]
    octave_jump_cost: Annotated[float, Field(ge=0, le=2)]
    voiced_unvoiced_cost: Annotated[float, Field(ge=0, le=2)]


class EnergyParams(Section):
    """Frame energy."""

    floor_db: Annotated[float, Field(ge=-200, le=-40)]


class DurationParams(Section):
    """Durations in frames."""

    zero_frame_phones: Literal["borrow", "keep", "reject"]


class ExtractParams(Section):
    """Shards of features."""

    n_shards: Annotated[int, Field(ge=1, le=100000)]
    row_group_rows: Annotated[int, Field(ge=1, le=4096)]
    max_reject_share: Share


class QualityParams(Section):
    """Limits on measures of an utterance; null judges nothing."""

    min_alignment_score: Annotated[float, Field(ge=-1000, le=0)] | None
    min_phone_rate_hz: Annotated[float, Field(ge=0, le=50)] | None
    max_phone_rate_hz: Annotated[float, Field(ge=0, le=100)] | None
    outlier_z: Annotated[float, Field(ge=1, le=20)]
    max_duration_outlier_share: Share | None
    max_clipping_share: Share | None
    min_snr_db: Annotated[float, Field(ge=-20, le=100)] | None
    min_voiced_share: Share | None
    max_edge_level_db: Annotated[float, Field(ge=-100, le=20)] | None
    max_leading_silence_s: Annotated[float, Field(ge=0, le=600)] | None
    max_trailing_silence_s: Annotated[float, Field(ge=0, le=600)] | None
    max_longest_pause_s: Annotated[float, Field(ge=0, le=600)] | None


class VoicesParams(Section):
    """Speaker embeddings of recordings."""

    embedding: Literal["none", "resemblyzer"]
    max_reject_share: Share


class ModelParams(Section):
    """Sizes of the networks and the noise schedule."""

    estimator: Literal["grad_unet", "diffusers_unet"]
    attention: Literal["linear", "cross"]
    psd_image: Literal["repeat", "ridge"]
    mu_sees: Literal["text", "prosody"]
    unet_channels: Annotated[int, Field(ge=8, le=256, multiple_of=8)]
    unet_levels: Annotated[int, Field(ge=2, le=4)]
    unet_fold: Annotated[int, Field(ge=1, le=8)]
    encoder_channels: Annotated[int, Field(ge=32, le=512)]
    encoder_layers: Annotated[int, Field(ge=1, le=12)]
    encoder_heads: Annotated[int, Field(ge=1, le=8)]
    predictor_channels: Annotated[int, Field(ge=32, le=512)]
    speaker: Literal["table", "external"]
    speaker_channels: Annotated[int, Field(ge=4, le=512)]
    emotion_channels: Annotated[int, Field(ge=4, le=512)]
    dropout: Annotated[float, Field(ge=0, le=0.9)]
    beta_min: Annotated[float, Field(ge=0, le=1)]
    beta_max: Annotated[float, Field(ge=1, le=50)]
    residual_spread: Annotated[float, Field(ge=0.05, le=5)] | None


class TrainParams(Section):
    """Optimisation."""

    seed: Annotated[int, Field(ge=0, le=2**31)]
    max_steps: Annotated[int, Field(ge=1, le=10_000_000)]
    batch_size: Annotated[int, Field(ge=1, le=4096)]
    shuffle_utterances: Annotated[int, Field(ge=1, le=10_000_000)]
    window_frames: Annotated[int, Field(ge=16, le=2048)]
    learning_rate: Annotated[float, Field(ge=1e-7, le=1)]
    warmup_steps: Annotated[int, Field(ge=0, le=100_000)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    gradient_clip: Annotated[float, Field(ge=0.01, le=1000)]
    ema_decay: Annotated[float, Field(ge=0, le=0.99999)]
    speaker_dropout: Share
    emotion_dropout: Share
    prosody_dropout: Share
    precision: Literal["fp32", "bf16"]
    validate_every_steps: Annotated[int, Field(ge=1, le=1_000_000)]
    picture_utterances: Annotated[int, Field(ge=0, le=16)]
    checkpoint_every_steps: Annotated[int, Field(ge=1, le=1_000_000)]


class SynthesizeParams(Section):
    """Batch synthesis."""

    requests: str | None
    split: SplitName
    language: str
    prosody: Literal["reference", "predicted"]
    prosody_from: str | None
    pitch_shift_semitones: Annotated[float, Field(ge=-24, le=24)]
    pitch_range_scale: Annotated[float, Field(ge=0, le=5)]
    energy_shift_db: Annotated[float, Field(ge=-40, le=40)]
    rate: Annotated[float, Field(ge=0.2, le=5)]
    emotion: str | None
    emotion_space: Literal["embedding", "noise"]
    emotion_scale: Annotated[float, Field(ge=0, le=10)]
    sampler: Sampler
    n_steps: Annotated[int, Field(ge=1, le=1000)]
    temperature: Annotated[float, Field(ge=1, le=10)]
    seed: Annotated[int, Field(ge=0, le=2**31)]
    vocoder: Literal["hifigan", "bigvgan", "vocos", "world", "griffin_lim"]
    max_reject_share: Share
    vocoder_path: str | None


class ShowcaseParams(Section):
    """Requests that show what the model can do."""

    sentences: Annotated[int, Field(ge=1, le=100)]
    ladder_emotions: Annotated[int, Field(ge=0, le=20)]
    intensities: Annotated[list[Annotated[float, Field(ge=0, le=10)]], Field(min_length=1)]
    mixes: Annotated[int, Field(ge=0, le=100)]


class EvaluateParams(Section):
    """Metrics."""

    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    emotion_clips: Annotated[int, Field(ge=0, le=1_000_000)]
    recogniser: Literal["whisper_base", "hama"] | None
    speaker_similarity: bool
    predicted_mos: bool
    heard_requests: Annotated[int, Field(ge=1, le=10_000_000)]


class ReportParams(Section):
    """The page."""

    examples: Annotated[int, Field(ge=1, le=500)]
    outliers: Annotated[int, Field(ge=0, le=500)]
    listed: Annotated[int, Field(ge=1, le=100_000)]


class Params(Section):
    """The whole of `params.yaml`."""

    corpora: Annotated[dict[Name, CorpusParams], Field(min_length=1)]
    ingest: IngestParams
    align: AlignParams
    frames: FramesParams
    mel: MelParams
    pitch: PitchParams
    energy: EnergyParams
    duration: DurationParams
    quality: QualityParams
    extract: ExtractParams
    voices: VoicesParams
    model: ModelParams
    train: TrainParams
    synthesize: SynthesizeParams
    showcase: ShowcaseParams
    evaluate: EvaluateParams
    report: ReportParams


StageParams = TypeVar("StageParams", bound=Section)


def load_params(path: Path, stage: type[StageParams]) -> StageParams:
    """The sections that `stage` declares, from a checked `params.yaml`.

    Raises
    ------
    ParamsError
        If the file is missing or is not YAML, or any key of it is unknown, missing, or of the wrong type or range.
    """
    document = _read_yaml(path)
    try:
        whole = Params.model_validate(document)
    except ValidationError as error:
        raise ParamsError(f"{path}: " + "; ".join(_explain(e) for e in error.errors())) from None
    whole.frames.grid()
    declared = stage.model_construct(**{name: getattr(whole, name) for name in stage.model_fields})
    assert isinstance(declared, stage)
    return declared


def corpus_params(corpora: dict[str, CorpusParams], name: str) -> CorpusParams:
    """The block of one corpus.

    Raises
    ------
    ParamsError
        If no such corpus stands in `params.yaml`.
    """
    if name not in corpora:
        raise ParamsError(f"no corpus '{name}' in params.yaml; it has {', '.join(sorted(corpora))}. Add a block under `corpora:`")
    return corpora[name]


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is not there; run from the project's folder or pass --params") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {error}; mend the line it names") from None
    if not isinstance(document, dict):
        raise ParamsError(f"{path} must be a mapping of sections, got {type(document).__name__}; start from the file in git")
    return document


def _explain(error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"] if part != "[key]")
    match error["type"]:
        case "extra_forbidden":
            siblings = _allowed_keys([str(part) for part in error["loc"][:-1]])
            near = get_close_matches(str(error["loc"][-1]), siblings, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"allowed here: {', '.join(siblings)}"
            return f"unknown key `{key}`; {hint}"
        case "missing":
            return f"missing key `{key}`; copy it, with its comment, from the params.yaml in git"
        case _:
            return f"`{key}` is {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _allowed_keys(parents: list[str]) -> list[str]:
    """Keys that the section at the end of `parents` may have; a step into a mapping such as `corpora` is by any key."""
    at: Any = Params
    for parent in parents:
        if get_origin(at) is dict:
            at = get_args(at)[1]
        else:
            annotation = at.model_fields[parent].annotation
            at = next((a for a in get_args(annotation) if get_origin(annotation) is not dict and hasattr(a, "model_fields")), annotation)
    return sorted(at.model_fields)
