"""What the page chooses and draws."""

import numpy as np
import pandas as pd

from workflows import pictures
from workflows.report import choose_examples, versions

PNG = b"\x89PNG\r\n"


def rows(n_per_group: int) -> list[dict[str, str]]:
    groups = [(speaker, emotion) for speaker in ("a", "b") for emotion in ("happy", "sad")]
    return [
        {"utterance_id": f"{s}/{e}/{n}", "speaker": s, "emotion": e, "text": f"text {n}"} for s, e in groups for n in range(n_per_group)
    ]


def test_examples_take_every_speaker_and_emotion_before_a_second_of_any():
    chosen = choose_examples(rows(5), 4)
    assert len({(row["speaker"], row["emotion"]) for row in chosen}) == 4


def test_examples_are_as_many_as_asked_or_as_there_are():
    assert len(choose_examples(rows(5), 7)) == 7
    assert len(choose_examples(rows(1), 7)) == 4
    assert choose_examples([], 3) == []


def test_versions_name_dataset_commit_and_local_changes():
    lineage = {"dataset": {"demo": "md5:1234.dir"}, "git": {"commit": "abc", "dirty": True}, "libraries": {"torch": "2.13"}}
    assert versions(lineage) == {"dataset demo": "md5:1234.dir", "git commit": "abc with local changes", "libraries": "torch 2.13"}


def test_mels_of_different_lengths_and_without_voice_are_drawn():
    def panel(n_frames: int) -> pictures.MelPanel:
        mel_ln = np.full((n_frames, 80), -5, np.float32)
        return pictures.MelPanel("title", mel_ln, np.full(n_frames, np.nan, np.float32), ["sil", "a"], np.array([10, n_frames - 10]))

    assert pictures.draw_mels([panel(50), panel(90)], hop_s=0.01).startswith(PNG)


def test_a_group_with_one_utterance_or_none_is_drawn():
    frame = pd.DataFrame({"speaker": ["a", "a", "b"], "emotion": ["happy", "sad", "sad"], "f0": [100.0, np.nan, 200.0]})
    assert pictures.draw_distributions(frame, {"f0": "F0, Hz"}).startswith(PNG)
