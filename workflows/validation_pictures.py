"""What the model makes of a few validation utterances while it learns: their real mel, mu, and the sampled mel above each other."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model.batch import UNKNOWN_PHONE
from model.samplers import start_noise
from model.tts import Sampling, Tts
from workflows.dataset import Example, Vocabulary, collate
from workflows.training_log import Curve

_SAMPLING = Sampling("ode2", 2, 1.5)  # as params.yaml's own for synthesis; pictures are to be compared between steps, not to be best
_KEPT = 8  # pictures of an utterance, beside the last


class Pictures:
    """PNG files ``plots/images/<utterance>/<step>.png`` under the folder of the curves, which dvclive and `dvc plots` show.

    Parameters
    ----------
    curve
        Whose folder they are in.
    validation
        Utterances to choose from, evenly over emotions.
    n_utterances
        How many are drawn.
    every_steps
        Steps between pictures. As they grow in number, every second one goes.
    first_step
        Step that training goes on from; later pictures, and those of other utterances, are removed.
    """

    def __init__(
        self,
        curve: Curve,
        validation: Sequence[Example],
        vocabulary: Vocabulary,
        n_utterances: int,
        every_steps: int,
        first_step: int,
        hop_s: float,
    ) -> None:
        by_emotion = sorted(validation, key=lambda example: (example.emotion, example.utterance_id))
        chosen = np.linspace(0, len(by_emotion) - 1, min(n_utterances, len(by_emotion)))
        self.examples = {_folder_name(by_emotion[at].utterance_id): by_emotion[at] for at in chosen.round().astype(int)}
        self.curve, self.vocabulary, self.every_steps, self.hop_s = curve, vocabulary, every_steps, hop_s
        for path in curve.images():
            if path.parent.name not in self.examples or int(path.stem) > first_step:
                path.unlink()

    def draw(self, model: Tts, step: int) -> None:
        """Draw all utterances as `model` says them, always with the same noise, unless that is done; remove what is no longer kept."""
        there = {path.parent.name for path in self.curve.images() if int(path.stem) == step}
        if there == self.examples.keys():
            return
        from workflows.pictures import MelPanel, draw_mels  # imports matplotlib, pandas: only when there is something to draw

        examples = list(self.examples.values())
        mu, sampled = _said(model.eval(), examples)
        for row, (name, example) in enumerate(self.examples.items()):
            phones = [self._phone(phone) for phone in example.phones]
            mels = {"real": example.mel_ln, "mu": mu[row], f"sampled, step {step}": sampled[row]}
            n_frames, f0_hz = len(example.mel_ln), _f0_hz(example)
            panels = [
                MelPanel(f"{example.utterance_id}: {title}", mel_ln[:n_frames], f0_hz, phones, example.durations.astype(np.int32))
                for title, mel_ln in mels.items()
            ]
            self.curve.add_image(f"{name}/{step}.png", draw_mels(panels, self.hop_s))
        steps = kept_steps({int(path.stem) for path in self.curve.images()}, self.every_steps)
        for path in self.curve.images():
            if int(path.stem) not in steps:
                path.unlink()

    def _phone(self, phone: int) -> str:
        return self.vocabulary.phones[phone - UNKNOWN_PHONE - 1] if phone > UNKNOWN_PHONE else "?"


def kept_steps(steps: Iterable[int], every_steps: int) -> set[int]:
    """Steps whose pictures stay: the last, and at most `_KEPT` evenly spaced ones; what is dropped once is never wanted again."""
    found = set(steps)
    last, stride = max(found, default=0), every_steps
    while last // stride > _KEPT:
        stride *= 2
    return {step for step in found if step % stride == 0 or step == last}


def _said(model: Tts, examples: list[Example]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mu and the sampled mel of examples with their own prosody, each float32 of shape (B, T, n_mels), ln."""
    batch = collate(examples)
    lengths, n_mels = batch.durations.sum(-1).tolist(), batch.mel_ln.shape[-1]

    def noise(draw: int) -> Tensor:
        return start_noise([draw * len(examples) + row for row in range(len(examples))], lengths, n_mels)

    there = batch.to(next(model.parameters()).device)
    given = there.conditions, there.durations, there.prosody
    mu, sampled = model.mu(*given), model.synthesise(*given, noise, _SAMPLING)
    return mu.cpu().numpy(), sampled.cpu().numpy()


def _f0_hz(example: Example) -> NDArray[np.float32]:
    mean, std = example.pitch_scale
    f0_hz: NDArray[np.float32] = np.where(example.voiced > 0, np.exp(example.log_f0_z * std + mean), np.nan).astype(np.float32)
    return f0_hz


def _folder_name(utterance_id: str) -> str:
    return re.sub(r"[^\w.-]+", "_", utterance_id)
