"""The command `espressivo`: what a person asks of a project beside `dvc repro`."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipeline.stage import errors_told
from schemas.params import CorpusParams, Name, Section, load_params
from workflows.compare import compare_command
from workflows.dataset_diff import CorpusDiff, diff
from workflows.dataset_show import choose, draw
from workflows.dataset_summary import CorpusSummary, summarise
from workflows.dataset_verify import verify
from workflows.dataset_version import DATA, Version
from workflows.doctor import doctor
from workflows.say import say

_SHOWN = 20  # lines of a list that a person reads; --json has all

app = typer.Typer(name="espressivo", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
dataset = typer.Typer(no_args_is_help=True, help="Versions of the dataset: what they hold, what changed, whether they are whole.")
app.add_typer(dataset, name="dataset")
app.command("compare")(compare_command)
app.command()(say)
app.command()(doctor)

Project = Annotated[Path, typer.Option(help="folder with dvc.yaml")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for machines")]


class _Roots(Section):
    corpora: dict[Name, CorpusParams]


@app.callback()
def _group() -> None:
    """Espressivo: expressive speech data, and speech from it. `dvc repro` runs the pipeline."""


@dataset.command()
def info(
    rev: Annotated[str | None, typer.Option(help="git revision; default: the working folder")] = None,
    project: Project = Path(),
    as_json: AsJson = False,
) -> None:
    """What a version of the dataset holds: hours, speakers, emotions, rejects, parameters, tools, DVC's hash."""
    version = Version(project, rev)
    found = [(summarise(version, corpus), version.dvc_hash(f"{DATA}/extract/{corpus}")) for corpus in version.corpora]
    if as_json:
        whole = [
            {
                **corpus.plain(),
                "dvc_md5": md5,
                "params": {stage: version.params(f"{stage}@{corpus.corpus}") for stage in ("ingest", "align")},
            }
            for corpus, md5 in found
        ]
        print(json.dumps({"version": version.name, "corpora": whole}, indent=2, ensure_ascii=False))
        return
    console = Console()
    for corpus, md5 in found:
        _show_info(console, version.name, corpus, md5)


@dataset.command("diff")
def diff_command(
    rev_a: Annotated[str, typer.Argument(help="git revision of the version before")],
    rev_b: Annotated[str | None, typer.Argument(help="git revision of the version after; default: the working folder")] = None,
    project: Project = Path(),
    as_json: AsJson = False,
) -> None:
    """Utterances added, removed, changed, and why, from one version to another."""
    found = diff(Version(project, rev_a), Version(project, rev_b))
    if as_json:
        print(json.dumps([corpus.plain() for corpus in found], indent=2, ensure_ascii=False))
        return
    console = Console()
    for corpus in found:
        _show_diff(console, corpus)


@dataset.command()
def show(
    utterances: Annotated[list[str] | None, typer.Argument(help="utterance ids to draw")] = None,
    n_random: Annotated[int, typer.Option("--random", min=0, help="draw this many more, chosen by the seed")] = 0,
    seed: Annotated[int, typer.Option(help="of the choice")] = 0,
    rev: Annotated[str | None, typer.Option(help="git revision; default: the working folder")] = None,
    out: Annotated[Path, typer.Option(help="picture to write")] = Path("utterances.png"),
    project: Project = Path(),
) -> None:
    """Draw utterances as a PNG: mel, pitch, phones and words, for judging alignment and pitch by eye."""
    version = Version(project, rev)
    chosen = choose(version, utterances or [], n_random, seed)
    out.write_bytes(draw(version, chosen))
    print(f"{len(chosen)} utterances drawn in {out}", file=sys.stderr)


@dataset.command("verify")
def verify_command(
    project: Project = Path(),
    audio: Annotated[bool, typer.Option("--audio", help="hash the recordings too")] = False,
    as_json: AsJson = False,
) -> None:
    """Check every table against its contract, tables against each other, and files against DVC's hashes; code 1 if something is wrong."""
    roots = (
        {name: project / corpus.root for name, corpus in load_params(project / "params.yaml", _Roots).corpora.items()} if audio else None
    )
    faults = list(verify(project, roots))
    if as_json:
        print(json.dumps({"faults": faults}, indent=2, ensure_ascii=False))
    else:
        for fault in faults:
            print(fault)
        print(f"{len(faults)} faults" if faults else "whole: every check passed", file=sys.stderr)
    if faults:
        raise typer.Exit(1)


def _show_info(console: Console, version: str, corpus: CorpusSummary, md5: str) -> None:
    n = sum(corpus.utterances.values())
    console.print(
        f"[bold]{corpus.corpus}[/] in {version}: {n} utterances, {corpus.hours:.3f} h, {corpus.n_shards} shards, DVC md5 {md5 or 'none'}"
    )
    table = Table("speaker", "emotion", *(f"{split}" for split in corpus.names(2)), title="utterances (minutes)")
    for speaker in corpus.names(0):
        for emotion in corpus.names(1):
            cells = [corpus.of(speaker=speaker, emotion=emotion, split=split) for split in corpus.names(2)]
            if any(count for count, _ in cells):
                table.add_row(speaker, emotion, *(f"{count} ({seconds / 60:.1f})" if count else "" for count, seconds in cells))
    console.print(table)
    console.print("rejected: " + (", ".join(f"{stage} {reason} {n}" for (stage, reason), n in corpus.rejects.items()) or "none"))
    console.print("aligned by: " + ", ".join(f"{name} ({count})" for name, count in corpus.aligners.items()))
    for part, step in corpus.recipe.items():
        params = ", ".join(f"{section}.{name} {value}" for section, values in step["params"].items() for name, value in values.items())
        tools = ", ".join(f"{name} {version}" for name, version in step["tools"].items())
        console.print(f"{part}: {params}; {tools}; code {step['code']}", highlight=False, soft_wrap=True)


def _show_diff(console: Console, found: CorpusDiff) -> None:
    counts = {"added": len(found.added), "removed": len(found.removed), "kept or rejected otherwise": len(found.decided)}
    told = ", ".join(f"{n} {what}" for what, n in {**counts, "changed": len(found.changed), "unchanged": found.n_unchanged}.items())
    console.print(f"[bold]{found.corpus}[/]: {told}")
    for change in found.recipe:
        console.print(f"  all rows: {change}", highlight=False, soft_wrap=True)
    reasons = Counter(why.split(":")[0] if why.startswith("pitch limits") else why for whys in found.changed.values() for why in whys)
    for why, count in reasons.most_common():
        console.print(f"  changed for {why}: {count}", highlight=False, soft_wrap=True)
    lists: dict[str, dict[str, Any]] = {"+": found.added, "-": found.removed, "!": found.decided, "~": found.changed}
    for sign, rows in lists.items():
        for utterance_id, what in list(rows.items())[:_SHOWN]:
            shown = "; ".join(what) if isinstance(what, list) else what
            console.print(f"  {sign} {utterance_id}  {shown}", highlight=False, markup=False, soft_wrap=True)
        if len(rows) > _SHOWN:
            console.print(f"  {sign} … {len(rows) - _SHOWN} more; --json has all")


def main() -> None:
    """Run the command; an error of ours is one line and code 1."""
    with errors_told():
        app()


if __name__ == "__main__":
    main()
