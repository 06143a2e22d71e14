"""Refinement of a corpus, on files that come and go."""

from pathlib import Path

import numpy as np
import soundfile as sf

from pipeline.aligners import refine
from pipeline.aligners.refine_corpus import FirstPass, refine_batch, refine_statistics_batch
from schemas.tables.alignments import Interval

PHONES = [Interval("sil", 0.0, 0.2), Interval("AA", 0.2, 0.6), Interval("S", 0.6, 0.8), Interval("sil", 0.8, 1.0)]


def test_file_that_goes_away_between_the_passes_is_a_reject_and_the_others_are_refined(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    for number in range(3):
        sf.write(tmp_path / f"{number}.wav", noise, 16000)
    batch = [FirstPass(f"c/a/{number}", PHONES, f"{number}.wav") for number in range(3)]
    model = refine.learn(refine_statistics_batch(batch, tmp_path, None, 0.06), 0)
    (tmp_path / "1.wav").unlink()
    assert refine_statistics_batch(batch, tmp_path, model, 0.06).counts
    done = refine_batch(batch, tmp_path, model, 0.06)
    assert [one.utterance_id for one in done.moved] == ["c/a/0", "c/a/2"]
    assert [(row["utterance_id"], row["reason"]) for row in done.rejected] == [("c/a/1", "audio_missing")]
