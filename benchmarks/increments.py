"""What an increment costs: CPU of the data stages in a repository of its own, in full, after nothing changed, and after new utterances.

    python -m benchmarks.increments --work <folder> --utterances 1000 --share 0.01 --n-shards 200

Recordings are spoken by espeak-ng, a sentence each, in a folder corpus of ten speakers. CPU is that of each stage's process and all
processes that it starts, by the kernel's account, so that a busy machine changes it little. Bytes are those that `dvc push` adds to an
empty, then to the filled remote.
"""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import soundfile
import typer
import yaml

from pipeline.stage import run_main
from pipeline.text.espeak import VoiceSettings, speak

STAGES = ("ingest@c", "align@c", "extract@c")
VOICES = ("en-us+adam", "en-us+f1")
WORDS = Path("workflows/demo_sentences.txt").read_text(encoding="utf-8").split() if Path("workflows/demo_sentences.txt").is_file() else []


def record(root: Path, number: int) -> None:
    """An utterance of five words of its own; its voice and pitch are those of one of ten speakers."""
    speaker = number % 10
    text = " ".join(WORDS[(7 * number + 31 * at * (1 + number // len(WORDS))) % len(WORDS)] for at in range(5))
    voice = VoiceSettings(VOICES[speaker % 2], rate_wpm=150 + 3 * speaker, pitch=35 + 3 * speaker, pitch_range=50, volume=60)
    made = speak(text, voice)
    path = root / f"s{speaker}" / f"u{number:05d}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, made.samples, made.sample_rate_hz)
    path.with_suffix(".txt").write_text(text, encoding="utf-8")


def cpu_s(folder: Path, *command: str) -> float:
    """CPU seconds of a command and its children; raises if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def project(folder: Path, n_shards: int, refine: str) -> None:
    """A copy of this project with one corpus, in a repository of its own with a remote beside it."""
    names = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, folder / name)
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["corpora"] = {"c": {**params["corpora"]["demo"], "adapter": "folder", "root": "corpus"}}
    params["extract"]["n_shards"] = n_shards
    params["align"]["pocketsphinx"]["refine"] = refine
    params["quality"] |= dict.fromkeys(params["quality"].keys() - {"outlier_z"})  # synthetic speech of no sense
    for stage in ("ingest", "align", "extract"):
        params[stage]["max_reject_share"] = 1.0
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    cpu_s(folder, "git", "init", "-q")
    cpu_s(folder, "dvc", "remote", "add", "-d", "store", str(folder.parent / "store"))


def stored_bytes(folder: Path) -> int:
    """Bytes of the remote after a push."""
    cpu_s(folder, "dvc", "push")
    return sum(path.stat().st_size for path in (folder.parent / "store").rglob("*") if path.is_file())


def main(
    work: Annotated[Path, typer.Option(help="empty folder to work in")],
    utterances: Annotated[int, typer.Option(help="of the full run")] = 1000,
    share: Annotated[float, typer.Option(help="of new utterances")] = 0.01,
    n_shards: Annotated[int, typer.Option(help="extract.n_shards")] = 200,
    refine: Annotated[str, typer.Option(help="align.pocketsphinx.refine")] = "corpus",
) -> None:
    """Print a table of CPU seconds by stage, and of bytes pushed."""
    work = work.absolute()
    folder = work / "project"
    folder.mkdir(parents=True)
    project(folder, n_shards, refine)
    for number in range(utterances):
        record(folder / "corpus", number)
    full = [cpu_s(folder, "dvc", "repro", "-s", stage) for stage in STAGES]
    n_full = stored_bytes(folder)
    idle = cpu_s(folder, "dvc", "repro", *STAGES)
    for number in range(utterances, utterances + max(1, round(share * utterances))):
        record(folder / "corpus", number)
    added = [cpu_s(folder, "dvc", "repro", "-s", stage) for stage in STAGES]
    n_added = stored_bytes(folder) - n_full
    constant = [cpu_s(folder, "dvc", "repro", "-s", "-f", stage) for stage in STAGES]  # nothing to compute: start, reading, judging
    print(f"{utterances} utterances, {n_shards} shards, refine: {refine}; CPU seconds")
    print("| | ingest | align | extract | all |\n|---|---|---|---|---|")
    for name, seconds in (("full", full), (f"{share:.1%} new", added), ("forced, nothing new", constant)):
        print(f"| {name} | " + " | ".join(f"{one:.1f}" for one in [*seconds, sum(seconds)]) + " |")
    print(f"`dvc repro` after nothing changed: {idle:.1f} s")
    print(f"pushed: {n_full / 1e6:.2f} MB, then {n_added / 1e6:.2f} MB ({n_added / n_full:.1%})")


if __name__ == "__main__":
    run_main("benchmarks.increments")
