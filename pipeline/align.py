"""Stage `align`: where in each recording its words and phones are, by the corpus's aligner."""

from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated

import pyarrow as pa
import typer

from pipeline.aligners import first_pass
from pipeline.aligners.alignment import Alignment, Spoken
from pipeline.aligners.mfa import align_mfa
from pipeline.aligners.rows import BATCH_UTTERANCES, Results, Row, align_each, crashed, joined
from pipeline.aligners.textgrid_aligner import TextGridFolder, align_textgrid
from pipeline.aligners.two_passes import align_corpus
from pipeline.cluster import in_batches, map_batches
from pipeline.cluster_profile import local_workers
from pipeline.files import remove_partials
from pipeline.shards import read_table, write_rejects, write_table
from pipeline.stage import finish, run_main
from pipeline.storage import Bucket, Root, local_copy, opened
from schemas.errors import CorpusError, RowError
from schemas.params import AlignParams, CorpusParams, Name, Section, TextGridParams, corpus_params, load_params
from schemas.tables.alignments import ALIGNMENTS
from schemas.tables.rejects import reject_row
from schemas.tables.utterances import UTTERANCES

_COLUMNS = ("utterance_id", "speaker", "audio_path", "text", "language", "n_samples", "sample_rate_hz", "audio_sha256")


class AlignStageParams(Section):
    """What this stage reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]
    align: AlignParams


def run(corpus: CorpusParams, params: AlignParams, root: Root, utterances: Path, out: Path, metrics: Path) -> None:
    """Write `alignments.parquet` and `rejects.parquet`; the bytes do not depend on workers or batches.

    Parameters
    ----------
    corpus
        The corpus's block: aligner, language, textgrid_dir.
    params
        `align`.
    root
        The corpus, to which audio paths are relative.
    utterances
        The utterances table.
    out
        Folder for the two tables, and for pocketsphinx's first passes, which the next run uses again.
    metrics
        JSON file for the counts.

    Raises
    ------
    ParamsError, CorpusError, DependencyError
        If the aligner does not fit the corpus, has no folder to read, or is not installed.
    StorageError
        If the corpus's bucket cannot be reached.
    TooManyRejectsError
        If more than `align.max_reject_share` of the utterances were rejected.
    """
    table = read_table(utterances, UTTERANCES, _COLUMNS)
    if corpus.aligner != "pocketsphinx":
        first_pass.forget(out)
    spoken = spoken_of(table)
    match corpus.aligner:
        case "pocketsphinx":
            heard = list(zip(spoken, table.column("audio_sha256").to_pylist(), strict=True))
            done = align_corpus(heard, params.pocketsphinx, root, out)
        case "textgrid":
            done = _by_textgrid(spoken, _textgrid_folder(root, corpus.textgrid_dir), params.textgrid)
        case "mfa":
            outcomes = align_mfa(spoken, root, params.mfa, local_workers())
            done = align_each(spoken, lambda one: _alignment_or_raise(outcomes[one.utterance_id]))
    aligned, broken = ALIGNMENTS.whole_rows(ALIGNMENTS.table(done.aligned))
    rejects = [*done.rejected, *(reject_row(utterance_id, "align", fault) for utterance_id, fault in broken.items())]
    write_table(out / "alignments.parquet", aligned, ALIGNMENTS)
    write_rejects(out / "rejects.parquet", rejects)
    remove_partials(out)
    finish("align", len(spoken), aligned.num_rows, rejects, params.max_reject_share, metrics)


def align_textgrid_batch(batch: list[tuple[Spoken, str]], folder: Root, params: TextGridParams) -> Results:
    """A worker's task: read some TextGrids, each given by its path below the folder."""
    paths = {one.utterance_id: path for one, path in batch}

    def align(one: Spoken) -> Alignment:
        with local_copy(folder, paths[one.utterance_id], again=False) as file:
            return align_textgrid(file, one, params)

    return align_each([one for one, _ in batch], align)


def _by_textgrid(spoken: list[Spoken], folder: Root, params: TextGridParams) -> Results:
    files = TextGridFolder(folder)
    stems = Counter(PurePosixPath(one.audio_path).stem for one in spoken)
    found: list[tuple[Spoken, str]] = []
    rejected: list[Row] = []
    for one in spoken:
        try:
            found.append((one, str(files.find(one.audio_path, stem_is_shared=stems[PurePosixPath(one.audio_path).stem] > 1))))
        except RowError as error:
            rejected.append(reject_row(one.utterance_id, "align", error))
    task = partial(align_textgrid_batch, folder=folder, params=params)
    done = joined(map_batches(task, in_batches(found, BATCH_UTTERANCES), "align", lambda one, error: crashed(one[0], error)))
    return Results(done.aligned, [*rejected, *done.rejected])


def _textgrid_folder(root: Root, textgrid_dir: str) -> Root:
    if isinstance(root, Bucket):
        return _textgrid_prefix(root, textgrid_dir)
    folder = (root / textgrid_dir).resolve()
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not there; set the corpus's `textgrid_dir` to the folder of TextGrids inside its root, or to '.'")
    if not folder.is_relative_to(root.resolve()):
        raise CorpusError(f"`textgrid_dir: {textgrid_dir}` leaves the corpus root; copy the TextGrids into the corpus")
    return folder


def _textgrid_prefix(root: Bucket, textgrid_dir: str) -> Bucket:
    parts = PurePosixPath(textgrid_dir).parts
    if ".." in parts or "/" in parts:
        raise CorpusError(f"`textgrid_dir: {textgrid_dir}` leaves the corpus root; copy the TextGrids into the corpus")
    prefix = root.below(textgrid_dir)
    if next(prefix.objects(), None) is None:
        raise CorpusError(
            f"nothing is under {prefix}/; set the corpus's `textgrid_dir` to the folder of TextGrids inside its root, or to '.'"
        )
    return prefix


def _alignment_or_raise(outcome: Alignment | RowError) -> Alignment:
    if isinstance(outcome, RowError):
        raise outcome
    return outcome


def spoken_of(table: pa.Table) -> list[Spoken]:
    """What aligners need to know, of each row of an utterances table."""
    return [
        Spoken(
            utterance_id=row["utterance_id"],
            speaker=row["speaker"],
            audio_path=row["audio_path"],
            text=row["text"],
            language=row["language"],
            duration_s=row["n_samples"] / row["sample_rate_hz"],
        )
        for row in table.to_pylist()
    ]


def main(
    corpus: Annotated[str, typer.Option(help="Key under `corpora` in params.yaml.")],
    utterances: Annotated[Path, typer.Option(help="The utterances table.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the counts.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Align a corpus's utterances."""
    given = load_params(params, AlignStageParams)
    block = corpus_params(given.corpora, corpus)
    with opened(block.root, params.parent, out) as root:
        run(block, given.align, root, utterances, out, metrics)


if __name__ == "__main__":
    run_main("pipeline.align")
