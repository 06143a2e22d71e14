"""Stage `align`: where in each recording its words and phones are, by the corpus's aligner."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, NamedTuple

import numpy as np
import pyarrow as pa
import typer

from pipeline import audio
from pipeline.aligners import pocketsphinx, refine
from pipeline.aligners.alignment import Alignment, Spoken
from pipeline.aligners.mfa import align_mfa
from pipeline.aligners.textgrid import TextGridFolder, align_textgrid
from pipeline.cluster import in_batches, local_workers, map_batches, one_cluster
from pipeline.shards import read_table, write_rejects, write_table
from pipeline.stage import finish, run_main
from pipeline.text.normalise import check_script
from schemas.errors import CorpusError, RowError
from schemas.params import AlignParams, CorpusParams, PocketsphinxParams, Section, TextGridParams, corpus_params, load_params
from schemas.reasons import Reason
from schemas.tables.alignments import ALIGNMENTS, Interval
from schemas.tables.rejects import reject_row
from schemas.tables.utterances import UTTERANCES

BATCH_UTTERANCES = 40

Row = dict[str, object]
_COLUMNS = ("utterance_id", "speaker", "audio_path", "text", "language", "n_samples", "sample_rate_hz", "audio_sha256")


class AlignStageParams(Section):
    """What this stage reads of `params.yaml`."""

    corpora: dict[str, CorpusParams]
    align: AlignParams


class FirstPass(NamedTuple):
    """What refinement needs to know of an aligned utterance."""

    utterance_id: str
    phones: list[Interval]
    audio_path: str


class Refined(NamedTuple):
    """Moved phones of an utterance, and `refine.fit_of` them."""

    utterance_id: str
    phones: list[Interval]
    fit: float


class Sorted(NamedTuple):
    """Rows of the alignments table and of the rejects table."""

    aligned: list[Row]
    rejected: list[Row]


def run(corpus: CorpusParams, params: AlignParams, root: Path, utterances: Path, out: Path, metrics: Path) -> None:
    """Write `alignments.parquet` and `rejects.parquet`; the bytes do not depend on workers or batches.

    Parameters
    ----------
    corpus
        The corpus's block: aligner, language, textgrid_dir.
    params
        `align`.
    root
        The corpus folder, to which audio paths are relative.
    utterances
        The utterances table.
    out
        Folder for the two tables.
    metrics
        JSON file for the counts.

    Raises
    ------
    ParamsError, CorpusError, DependencyError
        If the aligner does not fit the corpus, has no folder to read, or is not installed.
    TooManyRejectsError
        If more than `align.max_reject_share` of the utterances were rejected.
    """
    table = read_table(utterances, UTTERANCES, _COLUMNS)
    spoken = spoken_of(table)
    match corpus.aligner:
        case "pocketsphinx":
            heard = list(zip(spoken, table.column("audio_sha256").to_pylist(), strict=True))
            done = _by_pocketsphinx(heard, params.pocketsphinx, root)
        case "textgrid":
            done = _by_textgrid(spoken, _textgrid_folder(root, corpus.textgrid_dir), params.textgrid)
        case "mfa":
            outcomes = align_mfa(spoken, root, params.mfa, local_workers())
            done = _sort(spoken, lambda one: _alignment_or_raise(outcomes[one.utterance_id]))
    aligned, broken = _whole_rows(done.aligned)
    rejects = [*done.rejected, *broken]
    write_table(out / "alignments.parquet", aligned, ALIGNMENTS)
    write_rejects(out / "rejects.parquet", rejects)
    finish("align", len(spoken), aligned.num_rows, rejects, params.max_reject_share, metrics)


def align_pocketsphinx_batch(batch: list[tuple[Spoken, str]], root: Path, params: PocketsphinxParams) -> Sorted:
    """A worker's task: load and align some utterances, each with its file's hash, with this process's decoder."""
    aligner = pocketsphinx.process_aligner(params)
    hashes = {one.utterance_id: sha256 for one, sha256 in batch}

    def align(one: Spoken) -> Alignment:
        check_script(one.text, one.language)
        samples = audio.load_unchanged(root / one.audio_path, hashes[one.utterance_id], pocketsphinx.SAMPLE_RATE_HZ)
        return aligner.align(one, samples)

    return _sort([one for one, _ in batch], align)


def align_textgrid_batch(batch: list[tuple[Spoken, Path]], params: TextGridParams) -> Sorted:
    """A worker's task: read some TextGrids."""
    paths = {one.utterance_id: path for one, path in batch}
    return _sort([one for one, _ in batch], lambda one: align_textgrid(paths[one.utterance_id], one, params))


def refine_statistics_batch(batch: list[FirstPass], root: Path, model: refine.Model | None, reach_s: float) -> refine.Statistics:
    """A worker's task: statistics of some utterances on their best paths, or on their first alignment where there is no model yet."""
    parts = []
    for one in batch:
        values = refine.frames(audio.load(root / one.audio_path, refine.SAMPLE_RATE_HZ))
        path = refine.even_path(one.phones, len(values)) if model is None else refine.segment(values, one.phones, model, reach_s)
        parts.append((values, refine.states_of(one.phones)[0], path))
    return refine.statistics(parts)


def refine_batch(batch: list[FirstPass], root: Path, model: refine.Model, reach_s: float) -> list[Refined]:
    """A worker's task: moved phones of some utterances, and how well they fit."""
    done = []
    for one in batch:
        values = refine.frames(audio.load(root / one.audio_path, refine.SAMPLE_RATE_HZ))
        path = refine.segment(values, one.phones, model, reach_s)
        fit = refine.fit_of(values, one.phones, path, model)
        done.append(Refined(one.utterance_id, refine.moved(one.phones, path), fit))
    return done


def learn_refinement(first: list[FirstPass], params: PocketsphinxParams, root: Path) -> refine.Model:
    """The model of a corpus, learned from first alignments of (at most `refine_max_utterances` of) its utterances."""
    heard = sorted(first, key=lambda one: sha256(one.utterance_id.encode()).digest())[: params.refine_max_utterances]
    model: refine.Model | None = None
    for number in range(refine.ROUNDS):
        task = partial(refine_statistics_batch, root=root, model=model, reach_s=params.refine_reach_s)
        found = map_batches(task, in_batches(heard, BATCH_UTTERANCES), f"refine {number + 1}/{refine.ROUNDS}")
        model = refine.learn(refine.joined(list(found)), number)
    assert model is not None
    return model


def _by_pocketsphinx(heard: list[tuple[Spoken, str]], params: PocketsphinxParams, root: Path) -> Sorted:
    task = partial(align_pocketsphinx_batch, root=root.absolute(), params=params)
    with one_cluster():
        done = _joined(map_batches(task, in_batches(heard, BATCH_UTTERANCES), "align"))
        if params.refine == "none" or len(done.aligned) < params.refine_min_utterances:
            return done
        paths = {one.utterance_id: one.audio_path for one, _ in heard}
        first = [FirstPass(*_id_and_phones(row), audio_path=paths[str(row["utterance_id"])]) for row in done.aligned]
        model = learn_refinement(first, params, root.absolute())
        last = partial(refine_batch, root=root.absolute(), model=model, reach_s=params.refine_reach_s)
        refined = {one.utterance_id: one for part in map_batches(last, in_batches(first, BATCH_UTTERANCES), "refined") for one in part}
    kept = Sorted([], done.rejected)
    for row in done.aligned:
        one = refined[str(row["utterance_id"])]
        if one.fit < params.refine_min_fit:
            detail = f"its speech fits its phones by {one.fit:.1f}, below refine_min_fit={params.refine_min_fit:g}; compare text and audio"
            kept.rejected.append(reject_row(one.utterance_id, "align", RowError(Reason.ALIGNMENT_LOW_SCORE, detail, round(one.fit, 3))))
        else:
            kept.aligned.append(_with_phones(row, one.phones))
    return kept


def _id_and_phones(row: Row) -> tuple[str, list[Interval]]:
    phones = row["phones"]
    assert isinstance(phones, (list, tuple))
    return str(row["utterance_id"]), [Interval(**phone) for phone in phones]


def _with_phones(row: Row, phones: list[Interval]) -> Row:
    """The row with moved phones, and its words moved with their phones."""
    _, before = _id_and_phones(row)
    words = row["words"]
    assert isinstance(words, (list, tuple))
    edges = {old.start_s: new.start_s for old, new in zip(before, phones, strict=True)} | {before[-1].end_s: phones[-1].end_s}
    old_s = np.array(list(edges))

    def new_s(time_s: float) -> float:
        return edges[float(old_s[np.argmin(np.abs(old_s - time_s))])]

    moved = [{"label": word["label"], "start_s": new_s(word["start_s"]), "end_s": new_s(word["end_s"])} for word in words]
    return row | {"phones": [asdict(phone) for phone in phones], "words": moved, "aligner": f"{row['aligner']}, refined"}


def _by_textgrid(spoken: list[Spoken], folder: Path, params: TextGridParams) -> Sorted:
    files = TextGridFolder(folder)
    stems = Counter(PurePosixPath(one.audio_path).stem for one in spoken)
    found: list[tuple[Spoken, Path]] = []
    rejected: list[Row] = []
    for one in spoken:
        try:
            found.append((one, files.find(one.audio_path, stem_is_shared=stems[PurePosixPath(one.audio_path).stem] > 1)))
        except RowError as error:
            rejected.append(reject_row(one.utterance_id, "align", error))
    done = _joined(map_batches(partial(align_textgrid_batch, params=params), in_batches(found, BATCH_UTTERANCES), "align"))
    return Sorted(done.aligned, [*rejected, *done.rejected])


def _textgrid_folder(root: Path, textgrid_dir: str) -> Path:
    folder = (root / textgrid_dir).resolve()
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not there; set the corpus's `textgrid_dir` to the folder of TextGrids inside its root, or to '.'")
    if not folder.is_relative_to(root.resolve()):
        raise CorpusError(f"`textgrid_dir: {textgrid_dir}` leaves the corpus root; copy the TextGrids into the corpus")
    return folder


def _sort(batch: list[Spoken], align: Callable[[Spoken], Alignment]) -> Sorted:
    done = Sorted([], [])
    for one in batch:
        try:
            alignment = align(one)
            done.aligned.append({"utterance_id": one.utterance_id, **asdict(alignment)})
        except Exception as error:  # any fault of one row is a reject; an unexpected one is named internal_error
            done.rejected.append(reject_row(one.utterance_id, "align", error))
    return done


def _joined(parts: Iterator[Sorted]) -> Sorted:
    done = Sorted([], [])
    for part in parts:
        done.aligned.extend(part.aligned)
        done.rejected.extend(part.rejected)
    return done


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


def _whole_rows(rows: list[Row]) -> tuple[pa.Table, list[Row]]:
    """The table of the rows that keep the contract, and rejects of those that break it."""
    table = ALIGNMENTS.table(rows)
    broken = {row.index: row.detail for row in ALIGNMENTS.broken_rows(table)}
    ids = table.column("utterance_id")
    rejects = [reject_row(ids[index].as_py(), "align", RowError(Reason.CONTRACT_BROKEN, detail)) for index, detail in broken.items()]
    return table.filter(pa.array([index not in broken for index in range(table.num_rows)], pa.bool_())), rejects


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
    run(block, given.align, params.parent / block.root, utterances, out, metrics)


if __name__ == "__main__":
    run_main("pipeline.align")
