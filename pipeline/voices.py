"""Stage voices: how each speaker sounds in each utterance, for models that take a voice and not a name (`model.speaker: external`)."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.audio import load_unchanged
from pipeline.cluster import in_batches, map_batches
from pipeline.files import remove_partials
from pipeline.shards import read_table, rows_before, write_rejects, write_table
from pipeline.speaker_embedding import SAMPLE_RATE_HZ, made_by, voice_of
from pipeline.stage import finish, run_main
from pipeline.storage import Root, local_copy, opened
from schemas.errors import RowError, StorageError
from schemas.params import CorpusParams, Name, Section, VoicesParams, corpus_params, load_params
from schemas.tables.rejects import reject_row
from schemas.tables.utterances import UTTERANCES
from schemas.tables.voices import VOICES

BATCH_UTTERANCES = 50
_COLUMNS = ("utterance_id", "speaker", "split", "audio_path", "audio_sha256")

Row = dict[str, Any]
Heard = tuple[list[Row], list[Row]]  # rows, rejects


class VoicesStageParams(Section):
    """What the stage reads of params.yaml."""

    corpora: dict[Name, CorpusParams]
    voices: VoicesParams


def run(params: VoicesParams, root: Root, utterances: Path, out: Path, metrics: Path) -> None:
    """Listen to one corpus; nothing is listened to, and the table is empty, where `voices.embedding` is ``none``.

    Parameters
    ----------
    root
        The corpus.
    utterances
        The table of ingest.
    out
        Folder for ``voices.parquet`` and ``rejects.parquet``; vectors of unchanged recordings that are there already are kept.
    metrics
        JSON file for counts.

    Raises
    ------
    DependencyError
        If Resemblyzer is asked for and not installed.
    TooManyRejectsError
        After both tables are written.
    """
    wanted = read_table(utterances, UTTERANCES, _COLUMNS).to_pylist() if params.embedding == "resemblyzer" else []
    tools = made_by() if wanted else ""
    known = _stored(out / "voices.parquet", tools)
    kept = [_row(one, tools, known[one["audio_sha256"]]) for one in wanted if one["audio_sha256"] in known]
    todo = [one for one in wanted if one["audio_sha256"] not in known]
    parts = map_batches(partial(hear_batch, root=root, tools=tools), in_batches(todo, BATCH_UTTERANCES), "voices", _lost)
    heard = list(parts)
    rows, rejects = [row for part, _ in heard for row in part], [row for _, part in heard for row in part]
    write_table(out / "voices.parquet", VOICES.table([*kept, *rows]), VOICES)
    write_rejects(out / "rejects.parquet", rejects)
    remove_partials(out)
    finish("voices", len(wanted), len(kept) + len(rows), rejects, params.max_reject_share, metrics, {"computed": len(rows)})


def hear_batch(batch: list[Row], root: Root, tools: str) -> Heard:
    """A worker's task: vectors of some utterances."""
    rows, rejects = [], []
    for one in batch:
        try:
            with local_copy(root, one["audio_path"], again=False) as file:
                samples = load_unchanged(file, one["audio_sha256"], SAMPLE_RATE_HZ)
            rows.append(_row(one, tools, voice_of(samples).tolist()))
        except StorageError:
            raise
        except Exception as error:  # one file's surprise must not lose the batch
            rejects.append(reject_row(one["utterance_id"], "voices", error))
    return rows, rejects


def _lost(one: Row, error: RowError) -> Heard:
    return [], [reject_row(one["utterance_id"], "voices", error)]


def _row(one: Row, tools: str, voice: list[float]) -> Row:
    return {**{name: one[name] for name in ("utterance_id", "speaker", "split", "audio_sha256")}, "made_by": tools, "voice": voice}


def _stored(path: Path, tools: str) -> dict[str, list[float]]:
    """Vectors of an earlier run that these tools made, by the recording's hash."""
    return {row["audio_sha256"]: row["voice"] for row in rows_before(path, VOICES) if row["made_by"] == tools}


def main(
    corpus: Annotated[str, typer.Option(help="Key under `corpora` in params.yaml.")],
    utterances: Annotated[Path, typer.Option(help="The utterances table.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the counts.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Find the voice of each utterance of a corpus."""
    given = load_params(params, VoicesStageParams)
    block = corpus_params(given.corpora, corpus)
    with opened(block.root, params.parent, out) as root:
        run(given.voices, root, utterances, out, metrics)


if __name__ == "__main__":
    run_main("pipeline.voices")
