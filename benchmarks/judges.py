"""What the judges of voice and naturalness say where the answer is known: ``python -m benchmarks.judges --speaker "a=folder/a*.flac" …``.

Similarity of each speaker's clips with the voice of every speaker (`workflows.judges.voice_of` five other clips), and the predicted
opinion of the first speaker's clips as white noise is added.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from pipeline import audio
from workflows import judges

SNR_DB = (60, 40, 20, 10, 5, 0)


def main(speaker: Annotated[list[str], typer.Option(help="name=pattern of its recordings")], clips: int = 10) -> None:
    """Print both tables; ten clips of each speaker, evenly from the sorted files."""
    said = {}
    for name, _, pattern in (one.partition("=") for one in speaker):
        paths = sorted(Path(pattern).parent.glob(Path(pattern).name))
        said[name] = [audio.load(path, judges.SAMPLE_RATE_HZ) for path in paths[:: max(1, len(paths) // clips)][:clips]]
    voices = {name: judges.voice_of(recordings[: clips // 2]) for name, recordings in said.items()}
    print("| mean (least … most) | " + " | ".join(f"voice of {name}" for name in voices) + " |\n|---|" + "---|" * len(voices))
    for name, recordings in said.items():
        found = {other: [judges.similarity(samples, voice) for samples in recordings[clips // 2 :]] for other, voice in voices.items()}
        print(f"| {name} | " + " | ".join(f"{np.mean(like):.2f} ({min(like):.2f} … {max(like):.2f})" for like in found.values()) + " |")
    first = next(iter(said.values()))
    noise = [np.random.default_rng(at).normal(size=len(samples)).astype(np.float32) * samples.std() for at, samples in enumerate(first)]
    print("\n| signal to noise, dB | predicted opinion, mean |\n|---|---|")
    for snr_db in SNR_DB:
        rated = [
            judges.mos_predictor()((samples + added * 10 ** (-snr_db / 20)).astype(np.float32))
            for samples, added in zip(first, noise, strict=True)
        ]
        print(f"| {snr_db} | {np.mean(rated):.2f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
