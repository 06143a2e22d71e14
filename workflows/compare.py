"""`espressivo compare`: the measures of two runs, request by request, with intervals, and the requests that changed most."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Column, Table

from pipeline import shards
from schemas.errors import ParamsError, TableError
from schemas.tables.evaluation import KINDS, MEASURE_DETAILS, Measure
from workflows import measures
from workflows.dataset_version import DATA, Version

TABLE = "evaluation.parquet"
_TOLD = ("request_id", "speaker", "emotion", "text")
_COLUMNS = ["kind", *_TOLD, *MEASURE_DETAILS]
_STYLES = {"better": "green", "worse": "red", "none": "dim"}


@dataclass(frozen=True)
class Change:
    """A request, and what it measured in both runs."""

    request_id: str
    speaker: str
    emotion: str
    text: str
    a: float
    b: float


@dataclass(frozen=True)
class Difference:
    """A measure over the n requests that have it in both runs.

    Parameters
    ----------
    a, b
        Means; of magnitudes where the measure is best near 0.
    difference, low, high
        Mean of b - a over the requests, and its 95 % bootstrap interval.
    verdict
        How b is against a: ``better`` or ``worse`` where the interval leaves out 0, else ``none``.
    most_changed
        Requests with the largest differences, these first.
    """

    measure: str
    n: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    verdict: str
    most_changed: list[Change]


def compare_command(
    run_a: Annotated[str, typer.Argument(help="run before: a folder with evaluation.parquet, or a git revision")],
    run_b: Annotated[str, typer.Argument(help="run after: the same")],
    kind: Annotated[str, typer.Option(help=f"rows to compare: {', '.join(KINDS)}")] = "model",
    examples: Annotated[int, typer.Option(min=0, help="requests to show that changed most, a measure")] = 3,
    bootstrap_samples: Annotated[int, typer.Option(min=100, help="resamples behind the intervals")] = 2000,
    project: Annotated[Path, typer.Option(help="folder with dvc.yaml, whose revisions are meant")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for machines")] = False,
) -> None:
    """Differences of each measure between two runs, paired by request, with 95 % intervals, and the requests that changed most."""
    if kind not in KINDS:
        raise ParamsError(f"--kind {kind} is none of {', '.join(KINDS)}; name one of them")
    before, after = (load(run, project) for run in (run_a, run_b))
    found = compare(before[before["kind"] == kind], after[after["kind"] == kind], examples, bootstrap_samples)
    if as_json:
        whole = {"a": run_a, "b": run_b, "kind": kind, "measures": [asdict(difference) for difference in found]}
        print(json.dumps(whole, indent=2, ensure_ascii=False))
    else:
        _show(Console(), run_a, run_b, found)


def load(run: str, project: Path) -> pd.DataFrame:
    """The evaluation table of a run: of a folder that holds one (itself, or under data/evaluate), or else of a git revision.

    Raises
    ------
    TableError
        If there is none, or another version of this code wrote it.
    """
    for path in (Path(run) / TABLE, Path(run) / DATA / "evaluate" / TABLE):
        if path.is_file():
            with path.open("rb") as file:
                return _frame(shards.read_columns(file, str(path), _COLUMNS).to_pandas())
    if Path(run).is_dir():
        raise TableError(f"{run} holds no {TABLE}; run `dvc repro evaluate` there, or name another folder or a git revision")
    return _frame(Version(project, run).table(f"{DATA}/evaluate/{TABLE}", _COLUMNS).to_pandas())


def compare(before: pd.DataFrame, after: pd.DataFrame, n_examples: int, bootstrap_samples: int) -> list[Difference]:
    """The difference of each measure that both tables have, over the requests that are in both.

    Parameters
    ----------
    before, after
        Evaluation tables of one kind.
    n_examples
        Requests to name a measure.
    bootstrap_samples
        Resamples behind each interval.

    Raises
    ------
    TableError
        If no request is in both.
    """
    paired = before.merge(after[["request_id", *MEASURE_DETAILS]], on="request_id", suffixes=("_a", "_b")).sort_values("request_id")
    if paired.empty:
        raise TableError("the runs have no request in common; compare runs that synthesised the same split or requests")
    found = [_difference(paired, name, measure, n_examples, bootstrap_samples) for name, measure in MEASURE_DETAILS.items()]
    return [difference for difference in found if difference is not None]


def _frame(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(dict.fromkeys(MEASURE_DETAILS, float))


def _difference(paired: pd.DataFrame, name: str, measure: Measure, n_examples: int, bootstrap_samples: int) -> Difference | None:
    rows = paired[paired[f"{name}_a"].notna() & paired[f"{name}_b"].notna()]
    if rows.empty:
        return None
    a, b = (_comparable(rows[f"{name}_{run}"].to_numpy(float), measure) for run in "ab")
    difference, low, high = measures.bootstrap_interval(b - a, bootstrap_samples)
    order = np.argsort(-np.abs(b - a), kind="stable")[:n_examples]
    told = rows.rename(columns={f"{name}_a": "a", f"{name}_b": "b"})[[*_TOLD, "a", "b"]].to_dict("records")
    changes = [Change(**{str(column): value for column, value in told[at].items()}) for at in order if a[at] != b[at]]
    verdict = "none" if low <= 0 <= high else "better" if (difference > 0) == (measure.better == "higher") else "worse"
    return Difference(name, len(rows), float(a.mean()), float(b.mean()), difference, low, high, verdict, changes)


def _comparable(values: NDArray[np.float64], measure: Measure) -> NDArray[np.float64]:
    return np.abs(values) if measure.better == "nearer to 0" else values


def _show(console: Console, run_a: str, run_b: str, found: list[Difference]) -> None:
    table = Table(Column("measure", no_wrap=True), "n", "a", "b", "b - a", "95 % interval", "b is", title=f"a: {run_a}   b: {run_b}")
    for one in found:
        numbers = [f"{value:.4g}" for value in (one.a, one.b, one.difference)]
        style = _STYLES[one.verdict]
        table.add_row(one.measure, str(one.n), *numbers, f"{one.low:.4g} … {one.high:.4g}", f"[{style}]{one.verdict}[/]")
    console.print(table)
    for one in found:
        if one.verdict != "none" and one.most_changed:
            console.print(f"[bold]{one.measure}[/] changed most in")
        for change in one.most_changed if one.verdict != "none" else []:
            told = f"  {change.request_id}  {change.a:.4g} → {change.b:.4g}  {change.emotion}  {change.text}"
            console.print(told, highlight=False, markup=False, soft_wrap=True)
    chance = f"Of {len(found)} measures that do not differ, about {len(found) / 20:.1g} would be told better or worse by chance."
    console.print(chance, highlight=False, soft_wrap=True)
