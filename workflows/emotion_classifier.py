"""Which emotion a recording sounds like: statistics of its tracks, and a classifier learned on the real training split.

The statistics are of audio alone, as the pipeline's extractors measure it, so that synthesis is judged by what is heard and never by
what the model was given.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from workflows.measures import DB_PER_LN, Floats, mel_cepstrum

Vector = NDArray[np.float64]

UNLABELLED = "unknown"
MIN_CLIPS = 5  # of an emotion, else it is no class
_SPEECH_BELOW_PEAK_DB = 40.0
_CEPSTRA = 12
_FOLDS = 5
_LOG_TEMPERATURES = (-3.0, 5.0)


@dataclass(frozen=True)
class Clip:
    """A real recording to learn from: its emotion, speaker, text, and `describe`'s statistics."""

    emotion: str
    speaker: str
    text: str
    statistics: Vector


@dataclass(frozen=True)
class EmotionClassifier:
    """Linear discriminant analysis of statistics less their speaker's mean.

    Parameters
    ----------
    emotions
        Classes, sorted.
    speaker_means
        Mean statistics of each speaker's clips, and of all under "", for speakers who have none.
    weights, offsets
        float64 of shapes (n_emotions, n_statistics) and (n_emotions,): logits, temperature included.
    n_clips
        That it was learned on.
    held_out_accuracy
        Share of the clips recognised by classifiers that had learned on other sentences; NaN where all clips have one sentence.
    """

    emotions: tuple[str, ...]
    speaker_means: dict[str, Vector]
    weights: Vector
    offsets: Vector
    n_clips: int
    held_out_accuracy: float

    def probabilities(self, statistics: Vector, speaker: str) -> dict[str, float]:
        """Probability of each emotion for a recording of a speaker; they sum to 1."""
        centred = statistics - self.speaker_means.get(speaker, self.speaker_means[""])
        shares = np.exp(log_softmax(self.weights @ centred + self.offsets))
        return dict(zip(self.emotions, shares.tolist(), strict=True))


def describe(mel_ln: Floats, f0_hz: Floats, energy_db: Floats, hop_s: float) -> Vector:
    """Statistics of a recording's tracks.

    Parameters
    ----------
    mel_ln, f0_hz, energy_db
        Shapes (n_frames, n_mels), (n_frames,), (n_frames,), n_frames > 0; NaN where unvoiced.
    hop_s
        Seconds a frame.

    Returns
    -------
    statistics
        float64: of log-F0 where voiced, of energy and mel-cepstra over frames within 40 dB of the loudest, of their changes from
        frame to frame, and of how often and how long the voice sounds.
    """
    energy_db = np.asarray(energy_db, np.float64)
    voiced = np.isfinite(f0_hz)
    speech = energy_db > energy_db.max() - _SPEECH_BELOW_PEAK_DB
    cepstra = mel_cepstrum(mel_ln, _CEPSTRA)[speech] * DB_PER_LN
    onsets = int((np.diff(voiced.astype(int)) == 1).sum())
    rhythm = [voiced[speech].mean(), onsets / (speech.sum() * hop_s), voiced.sum() * hop_s / max(onsets, 1)]
    timbre = np.concatenate([cepstra.mean(0), cepstra.std(0), _mean_change(cepstra)])
    return np.concatenate([_melody(f0_hz, voiced, hop_s), _loudness(energy_db[speech]), rhythm, timbre])


def learn(clips: Sequence[Clip]) -> EmotionClassifier | None:
    """A classifier of the labelled emotions with `MIN_CLIPS` clips and more; None where fewer than two have them.

    Its strength is Ledoit and Wolf's shrinkage; emotions count alike however many clips they have; its certainty (one temperature) is
    fitted on clips whose sentence it had not learned on.
    """
    counts = Counter(clip.emotion for clip in clips if clip.emotion != UNLABELLED)
    emotions = sorted(emotion for emotion, n in counts.items() if n >= MIN_CLIPS)
    if len(emotions) < 2:
        return None
    used = [clip for clip in clips if clip.emotion in emotions]
    statistics = np.stack([clip.statistics for clip in used])
    speakers = np.array([clip.speaker for clip in used])
    means = {str(name): statistics[speakers == name].mean(0) for name in np.unique(speakers)}
    centred = statistics - np.stack([means[name] for name in speakers])
    classes = np.array([emotions.index(clip.emotion) for clip in used])
    held_out = _held_out_logits(centred, classes, np.array([clip.text for clip in used]), len(emotions))
    temperature = _temperature(held_out, classes)
    weights, offsets = _discriminants(centred, classes, len(emotions))
    return EmotionClassifier(
        tuple(emotions),
        {"": statistics.mean(0), **means},
        weights / temperature,
        offsets / temperature,
        len(used),
        float(np.mean(held_out.argmax(1) == classes)) if len(held_out) else float("nan"),
    )


def _melody(f0_hz: Floats, voiced: NDArray[np.bool_], hop_s: float) -> list[float]:
    if voiced.sum() < 2:
        return [0.0] * 6
    log_f0 = np.log(np.asarray(f0_hz, np.float64)[voiced])
    slope = np.polyfit(np.flatnonzero(voiced) * hop_s, log_f0, 1)[0]
    return [log_f0.mean(), log_f0.std(), *np.percentile(log_f0, [10, 90]), _mean_change(log_f0), slope]


def _loudness(energy_db: Vector) -> list[float]:
    return [energy_db.mean(), energy_db.std(), *np.percentile(energy_db, [10, 90]), energy_db.max(), _mean_change(energy_db)]


def _mean_change(track: Vector) -> Vector:
    """Mean absolute difference from frame to frame; 0 for a single frame."""
    change: Vector = np.abs(np.diff(track, axis=0)).sum(0) / max(len(track) - 1, 1)
    return change


def _discriminants(statistics: Vector, classes: NDArray[np.int64], n_classes: int) -> tuple[Vector, Vector]:
    """Weights and offsets of the logits of each class; a class without clips gets none."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # 1 s: only where one is learned

    there = np.unique(classes)
    fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(len(there), 1 / len(there)))
    fitted.fit(statistics, classes)
    weights, offsets = np.zeros((n_classes, statistics.shape[1])), np.full(n_classes, -np.inf)
    if len(there) == 2:  # scikit-learn tells the difference of the two alone
        weights[there[1]], offsets[there] = fitted.coef_[0], [0.0, fitted.intercept_[0]]
    else:
        weights[there], offsets[there] = fitted.coef_, fitted.intercept_
    return weights, offsets


def _held_out_logits(statistics: Vector, classes: NDArray[np.int64], texts: NDArray[np.str_], n_classes: int) -> Vector:
    """Logits of each clip by a classifier that learned on other sentences; none where there is one sentence alone."""
    from sklearn.model_selection import GroupKFold

    n_folds = min(_FOLDS, len(np.unique(texts)))
    if n_folds < 2:
        return np.zeros((0, n_classes))
    logits = np.zeros((len(classes), n_classes))
    for learned, held_out in GroupKFold(n_folds).split(statistics, classes, texts):
        if len(np.unique(classes[learned])) > 1:
            weights, offsets = _discriminants(statistics[learned], classes[learned], n_classes)
            logits[held_out] = statistics[held_out] @ weights.T + offsets
    return logits


def _temperature(logits: Vector, classes: NDArray[np.int64]) -> float:
    """What logits are divided by so that their probabilities fit best; 1 where there are none."""
    if not len(logits):
        return 1.0
    possible = np.isfinite(logits[np.arange(len(classes)), classes])

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(logits[possible] / np.exp(log_temperature), axis=1)
        return float(-np.mean(likelihood[np.arange(possible.sum()), classes[possible]]))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded").x))
