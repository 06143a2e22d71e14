"""A stand-in for the program `mfa`, after ../shared/data/mfa/README.md: its files, exit codes and silent omissions, no recognition."""

import json
import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    if arguments == ["version"]:
        print("3.4.3")
        return 0
    mode, corpus, dictionary = arguments[0], Path(arguments[1]), Path(arguments[2])
    if mode == "validate":
        words = {word for lab in corpus.rglob("*.lab") for word in lab.read_text().split()}
        unknown = words - {line.split("\t")[0] for line in dictionary.read_text().splitlines()}
        print(f"{len(unknown)} OOV word types")
        return 0
    out = Path(arguments[4]) if mode == "align" else Path(arguments[arguments.index("--output_directory") + 1])
    report = {"arguments": arguments, "root": os.environ["MFA_ROOT_DIR"], "hash_seed": os.environ["PYTHONHASHSEED"]}
    report["files"] = sorted(path.relative_to(corpus).as_posix() for path in corpus.rglob("*") if path.is_file())
    Path(os.environ["STAND_IN_REPORT"]).write_text(json.dumps(report))
    pronunciations = dict(line.split("\t") for line in dictionary.read_text().splitlines())
    if "crash" in pronunciations:
        print("Traceback (most recent call last):\nKaldiError: the model is broken")
        return 1
    report["dictionary"] = dictionary.read_text()
    Path(os.environ["STAND_IN_REPORT"]).write_text(json.dumps(report))
    out.mkdir(parents=True, exist_ok=True)
    if mode == "align":
        rows = [f"{lab.stem},0.0,1.0,{lab.parent.name},-50.0,-40.{lab.stem[-1]},5.0,3,20.0,\n" for lab in sorted(corpus.rglob("*.lab"))]
        columns = "overall_log_likelihood,speech_log_likelihood,phone_duration_deviation,max_running_short_interval,snr,intensity_deviation"
        (out / "alignment_analysis.csv").write_text(f"file,begin,end,speaker,{columns}\n" + "".join(rows))
    for lab in sorted(corpus.rglob("*.lab")):
        align(lab, pronunciations, out / lab.relative_to(corpus).with_suffix(".TextGrid"))
    if mode == "train":
        dictionary.write_text("rewritten\n")
        Path(arguments[3]).write_bytes(b"model")
    return 0


def align(lab: Path, pronunciations: dict[str, str], out: Path) -> None:
    import soundfile

    from pipeline.aligners.textgrid import write_textgrid
    from schemas.tables.alignments import Interval

    audio = next(path for path in lab.parent.glob(f"{lab.stem}.*") if path != lab)
    samples, rate = soundfile.read(audio)
    if not samples.any() or rate < 16000 or audio.suffix not in (".wav", ".flac"):
        return  # digital silence, a low rate, an unknown suffix: left out without a word
    words = lab.read_text().split()
    duration_s = round(len(samples) / rate, 6)
    edges_s = [round(n * duration_s / len(words), 2) for n in range(len(words))] + [duration_s]
    word_tier, phone_tier = [], []
    for word, start_s, end_s in zip(words, edges_s[:-1], edges_s[1:], strict=True):
        word_tier.append(Interval(word, start_s, end_s))
        phones = pronunciations.get(word, "spn").split()
        inner_s = [start_s + n * (end_s - start_s) / len(phones) for n in range(len(phones))] + [end_s]
        phone_tier += [Interval(phone, *span) for phone, *span in zip(phones, inner_s[:-1], inner_s[1:], strict=True)]
    write_textgrid(out, {"words": word_tier, "phones": phone_tier}, duration_s)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
