"""Stage card: a dataset card in Hugging Face's style, ``data/README.md``, with which `datasets` and people read the shards as they are.

Nothing in it changes from run to run or machine to machine: no dates, no paths, no hashes of the moment.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipeline.stage import run_main
from schemas.params import CorpusParams, MelParams, Name, Section, load_params
from schemas.tables.features import features_contract
from schemas.tables.quality import QUALITY
from schemas.tables.utterances import SPLITS
from workflows.dataset_summary import CorpusSummary, summarise
from workflows.dataset_version import Version
from workflows.markdown import columns, table

_SIZES = ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


class CardStageParams(Section):
    """What this stage reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    mel: MelParams


def run(params: CardStageParams, project: Path, out: Path) -> None:
    """Write the card of the corpora in `params`.

    Parameters
    ----------
    project
        The folder that holds ``data``.
    out
        ``data/README.md``; paths in its header are relative to its folder.

    Raises
    ------
    TableError
        If a corpus has no features.
    """
    version = Version(project)
    corpora = [summarise(version, name) for name in sorted(params.corpora)]
    out.write_text(card(corpora, params), encoding="utf-8")


def card(corpora: list[CorpusSummary], params: CardStageParams) -> str:
    """The card as text."""
    header = yaml.safe_dump(_header(corpora), sort_keys=False, allow_unicode=True)
    total = sum(sum(corpus.utterances.values()) for corpus in corpora)
    sections = [
        f"# Features of {', '.join(corpus.corpus for corpus in corpora)}",
        f"{total} utterances, {sum(corpus.hours for corpus in corpora):.2f} hours of speech, as features for text-to-speech: phones with "
        "durations, F0, energy and log-mel spectra on one grid of frames. Recordings are not part of it. One row is an utterance; "
        "the column `split` says to which split it belongs; shards are by hash of `utterance_id`.",
        "```python\nimport datasets\n"
        f'datasets.load_dataset("parquet", data_files="extract/{corpora[0].corpus}/features-*.parquet")  # in this folder\n'
        "import polars\n"
        f'polars.read_parquet("extract/{corpora[0].corpus}/features-*.parquet")\n```',
        *(_section(corpus) for corpus in corpora),
        "## Columns of features\n\n" + columns(features_contract(params.mel.n_mels)),
        "## Columns of quality\n\n" + columns(QUALITY),
    ]
    return f"---\n{header}---\n\n" + "\n\n".join(sections) + "\n"


def _header(corpora: list[CorpusSummary]) -> dict[str, Any]:
    total = sum(sum(corpus.utterances.values()) for corpus in corpora)
    configs = [
        {
            "config_name": f"{corpus.corpus}{'' if kind == 'features' else '-quality'}",
            "data_files": f"extract/{corpus.corpus}/{kind}-*.parquet",
        }
        for corpus in corpora
        for kind in ("features", "quality")
    ]
    configs[0]["default"] = True  # type: ignore[assignment]
    return {
        "language": sorted({language.split("-")[0] for corpus in corpora for language in corpus.languages}),
        "task_categories": ["text-to-speech"],
        "tags": ["speech", "emotion", "prosody"],
        "size_categories": [next((name for limit, name in _SIZES if total < limit), "n>1M")],
        "configs": configs,
    }


def _section(corpus: CorpusSummary) -> str:
    parts = [
        f"## {corpus.corpus}",
        f"{sum(corpus.utterances.values())} utterances, {corpus.hours:.2f} hours, {len(corpus.names(0))} speakers; language: "
        f"{', '.join(corpus.languages)}; aligned by {', '.join(corpus.aligners)}.",
        "### Utterances and minutes by speaker, emotion and split",
        _hours(corpus),
        "### Rejected",
        table(["stage", "reason", "utterances"], [[*key, str(n)] for key, n in corpus.rejects.items()]) if corpus.rejects else "None.",
        "### Made with",
        table(["part", "parameters", "tools", "code"], [_made(part, step) for part, step in corpus.recipe.items()]),
    ]
    return "\n\n".join(parts)


def _hours(corpus: CorpusSummary) -> str:
    rows = [
        [speaker, emotion, *(_cell(corpus, speaker=speaker, emotion=emotion, split=split) for split in SPLITS)]
        for speaker, emotion in sorted({place[:2] for place in corpus.utterances})
    ]
    rows.append(["all", "all", *(_cell(corpus, split=split) for split in SPLITS)])
    return table(["speaker", "emotion", *SPLITS], rows)


def _cell(corpus: CorpusSummary, **where: str) -> str:
    n, seconds = corpus.of(**where)
    return f"{n} ({seconds / 60:.1f})" if n else ""


def _made(part: str, step: dict[str, Any]) -> list[str]:
    params = [f"`{section}.{name}: {value}`" for section, values in step["params"].items() for name, value in values.items()]
    return [part, " ".join(params), ", ".join(f"{name} {version}" for name, version in step["tools"].items()), str(step["code"])]


def main(
    out: Annotated[Path, typer.Option(help="the card, data/README.md")],
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Write the dataset's card."""
    run(load_params(params, CardStageParams), params.parent, out)


if __name__ == "__main__":
    run_main("workflows.card")
