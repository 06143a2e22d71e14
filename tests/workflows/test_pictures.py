"""Pictures are drawn whatever the lengths and voicing."""

import numpy as np

from workflows import pictures


def test_mels_of_different_lengths_and_without_voice_are_drawn():
    def panel(n_frames: int) -> pictures.MelPanel:
        mel_ln = np.full((n_frames, 80), -5, np.float32)
        return pictures.MelPanel("title", mel_ln, np.full(n_frames, np.nan, np.float32), ["sil", "a"], np.array([10, n_frames - 10]))

    assert pictures.draw_mels([panel(50), panel(90)], hop_s=0.01).startswith(b"\x89PNG\r\n")
