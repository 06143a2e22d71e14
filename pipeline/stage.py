"""What every stage's end has in common: counts, the limit on rejects, and errors told without a traceback."""

import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from pipeline.files import whole_file
from schemas.errors import EspressivoError, TooManyRejectsError

INTERRUPTED = 130  # exit code after Ctrl-C: 128 and SIGINT


def finish(
    name: str,
    n_in: int,
    n_out: int,
    rejects: list[dict[str, object]],
    max_reject_share: float,
    metrics: Path,
    extra: dict[str, object] | None = None,
) -> None:
    """Write a stage's counts as a DVC metric, print them, and hold the stage to its limit.

    Parameters
    ----------
    extra
        Further keys of the metric, beside ``rows_in``, ``rows_out``, ``rejected`` and ``reasons``.

    Raises
    ------
    AssertionError
        If rows were lost: ``n_in != n_out + len(rejects)``. That is a defect of ours.
    TooManyRejectsError
        If more than `max_reject_share` of the rows were rejected; the message has the five commonest reasons.
    """
    if n_in != n_out + len(rejects):
        raise AssertionError(f"{name}: {n_in} rows in, {n_out} out and {len(rejects)} rejected; rows were lost, please report it")
    reasons = Counter(str(row["reason"]) for row in rejects)
    counts = {"rows_in": n_in, "rows_out": n_out, "rejected": len(rejects), "reasons": dict(reasons)}
    write_json(metrics, {**(extra or {}), **counts})
    common = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(5))
    print(f"{name}: {n_in} in, {n_out} out, {len(rejects)} rejected" + (f" ({common})" if common else ""), file=sys.stderr)
    if len(rejects) > max_reject_share * n_in:
        raise TooManyRejectsError(
            f"{name}: {len(rejects)} of {n_in} rows rejected, more than max_reject_share={max_reject_share}. "
            f"Commonest: {common}. Read the rejects table beside the stage's output, or raise the limit"
        )


def write_json(path: Path, document: object) -> None:
    """Write JSON with sorted keys and a final newline; a file that says so already is not touched."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def run_main(module: str) -> None:
    """Run ``main`` of a stage's module under its real name (dask workers must not look for its tasks in ``__main__``)."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    with errors_told():
        app.command()(importlib.import_module(module).main)
        app(standalone_mode=True)


@contextmanager
def errors_told() -> Iterator[None]:
    """An error of ours inside ends the process with code 1 and its message, without a traceback; an interrupt says what to do."""
    try:
        yield
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("interrupted; run the same command again: finished shards are kept", file=sys.stderr)
        raise
    except EspressivoError as error:
        Console(stderr=True, soft_wrap=True).print(f"[bold red]{type(error).__name__}[/]: ", end="")
        print(error, file=sys.stderr)
        sys.exit(1)
