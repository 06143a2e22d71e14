"""pocketsphinx over a whole corpus: a first pass, then boundaries refined by a model that learns the corpus itself."""

import shutil
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from pipeline import audio
from pipeline.aligners import first_pass, pocketsphinx, refine
from pipeline.aligners.alignment import Alignment, Spoken
from pipeline.aligners.rows import BATCH_UTTERANCES, Results, Row, align_each, crashed, joined
from pipeline.cluster import in_batches, map_batches, one_cluster
from pipeline.digests import digest, lowest_hashed
from pipeline.files import whole_file
from pipeline.shards import write_table
from pipeline.storage import Root, absolute, local_copy
from pipeline.text.normalise import check_script
from schemas.errors import CorpusError, RowError
from schemas.params import PocketsphinxParams
from schemas.reasons import Reason
from schemas.tables.alignments import REFINED, Interval
from schemas.tables.rejects import reject_row

_ANY_SCORE = {"min_score": pocketsphinx.LOWEST_SCORE, "min_score_mapped": pocketsphinx.LOWEST_SCORE}  # held to its limit afterwards

_FRAMES = ".frames-"


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


class RefinedBatch(NamedTuple):
    """What became of a batch: refined utterances, and rejects of those whose file could not be read again."""

    moved: list[Refined]
    rejected: list[Row]


def align_pocketsphinx_batch(batch: list[tuple[Spoken, str]], root: Root, params: PocketsphinxParams) -> Results:
    """A worker's task: load and align some utterances, each with its file's hash, with this process's decoder."""
    aligner = pocketsphinx.process_aligner(params.model_copy(update=_ANY_SCORE))
    hashes = {one.utterance_id: sha256 for one, sha256 in batch}

    def align(one: Spoken) -> Alignment:
        check_script(one.text, one.language)
        with local_copy(root, one.audio_path, again=params.refine != "none") as file:
            samples = audio.load_unchanged(file, hashes[one.utterance_id], pocketsphinx.SAMPLE_RATE_HZ)
        return aligner.align(one, samples)

    return align_each([one for one, _ in batch], align)


def refine_statistics_batch(
    batch: list[FirstPass], root: Root, model: refine.Model | None, reach_s: float, kept: Path | None = None
) -> refine.Statistics:
    """A worker's task: statistics of some utterances on their best paths, or on their first alignment where there is no model yet.

    Their frames are kept in the folder `kept` for the next round.
    """
    parts = []
    for one in batch:
        try:
            values = _frames(root, one, kept, again=True)
        except RowError:  # gone since the first pass: the last one meets the same fault and rejects the row
            continue
        path = refine.even_path(one.phones, len(values)) if model is None else refine.segment(values, one.phones, model, reach_s)
        parts.append((values, refine.states_of(one.phones)[0], path))
    return refine.statistics(parts)


def refine_batch(batch: list[FirstPass], root: Root, model: refine.Model, reach_s: float, kept: Path | None = None) -> RefinedBatch:
    """A worker's task: moved phones of some utterances, and how well they fit. Frames are taken from `kept`, where learning left them."""
    done = RefinedBatch([], [])
    for one in batch:
        try:
            values = _frames(root, one, kept, again=False)
        except RowError as error:
            done.rejected.append(reject_row(one.utterance_id, "align", error))
            continue
        path = refine.segment(values, one.phones, model, reach_s)
        fit = refine.fit_of(values, one.phones, path, model)
        done.moved.append(Refined(one.utterance_id, refine.moved(one.phones, path), fit))
    return done


def _frames(root: Root, one: FirstPass, kept: Path | None, again: bool) -> refine.Frames:
    """`refine.frames` of an utterance, read from the folder `kept` or written there; float32 holds their 1/256 exactly."""
    path = kept / f"{digest(one.utterance_id)}.npy" if kept is not None else None
    if path is not None and path.is_file():
        values: refine.Frames = np.load(path, allow_pickle=False).astype(np.float64)
        return values
    with local_copy(root, one.audio_path, again) as file:
        values = refine.frames(audio.load(file, refine.SAMPLE_RATE_HZ))
    if path is not None:
        with whole_file(path) as partial, partial.open("wb") as file_of_frames:  # a worker that dies leaves no half file to the next
            np.save(file_of_frames, values.astype(np.float32))
    return values


def _crashed(one: FirstPass, error: RowError) -> RefinedBatch:
    return RefinedBatch([], [reject_row(one.utterance_id, "align", error)])


def learned_on(first: list[FirstPass], params: PocketsphinxParams, root: Root) -> list[FirstPass]:
    """The utterances that a corpus's model is learned on: of `refine_list`, or of all, at most `refine_max_utterances` by hash.

    Raises
    ------
    CorpusError
        If `refine_list` is not in the corpus, or names fewer than `refine_min_utterances` aligned utterances.
    """
    if params.refine_list is not None:
        listed = _listed(root, params.refine_list)
        first = [one for one in first if one.utterance_id in listed]
        if len(first) < params.refine_min_utterances:
            raise CorpusError(
                f"`refine_list: {params.refine_list}` names {len(first)} aligned utterances, "
                f"refine_min_utterances={params.refine_min_utterances} are needed; add ids of the alignments table, one a line"
            )
    return lowest_hashed(first, params.refine_max_utterances, lambda one: one.utterance_id)


def _listed(root: Root, name: str) -> set[str]:
    with local_copy(root, name, again=False) as path:
        inside = not isinstance(root, Path) or path.resolve().is_relative_to(root.resolve())
        if not path.is_file() or not inside:
            raise CorpusError(f"`refine_list: {name}` is no file inside the corpus root; write ids of utterances into it, one a line")
        return set(path.read_text(encoding="utf-8").split("\n"))


def learn_refinement(heard: list[FirstPass], params: PocketsphinxParams, root: Root, kept: Path | None = None) -> refine.Model:
    """The model of a corpus, learned from first alignments of the utterances that `learned_on` chose.

    An utterance that ends each process that computes it adds nothing; the last pass meets it again and rejects it.
    """
    model: refine.Model | None = None
    for number in range(refine.ROUNDS):
        task = partial(refine_statistics_batch, root=root, model=model, reach_s=params.refine_reach_s, kept=kept)
        label = f"refine {number + 1}/{refine.ROUNDS}"
        found = map_batches(task, in_batches(heard, BATCH_UTTERANCES), label, lambda *_: refine.statistics([]))
        model = refine.learn(refine.joined(list(found)), number)
    assert model is not None
    return model


def align_corpus(heard: list[tuple[Spoken, str]], params: PocketsphinxParams, root: Root, out: Path) -> Results:
    """Align a corpus; its utterances come with the sha256 of their files. Boundaries depend on all of the corpus where they are refined.

    Parameters
    ----------
    heard
        Utterances and hashes.
    params
        `align.pocketsphinx`.
    root
        The corpus.
    out
        Folder where an earlier run left its first passes, and this one leaves its own.
    """
    root = absolute(root)
    before = first_pass.made_before(heard, params, out)
    print(f"align: {len(before.left)} of {len(heard)} first passes to make", file=sys.stderr)
    task = partial(align_pocketsphinx_batch, root=root, params=params)
    with one_cluster():
        batches = in_batches(before.left, BATCH_UTTERANCES)
        made = joined(map_batches(task, batches, "align", lambda one, error: crashed(one[0], error)))
        done = first_pass.keep(joined([before.done, made]), before.fingerprints, out)
        done = first_pass.held_to_score(done, params, {one.utterance_id: one.language for one, _ in heard})
        if params.refine == "none" or len(done.aligned) < params.refine_min_utterances:
            (out / first_pass.REFINED_FILE).unlink(missing_ok=True)
            return done
        paths = {one.utterance_id: one.audio_path for one, _ in heard}
        first = [FirstPass(*_id_and_phones(row), audio_path=paths[str(row["utterance_id"])]) for row in done.aligned]
        parts = _refined(first, before.fingerprints, params, root, out)
    return _held_to_fit(done, parts, params)


def _refined(first: list[FirstPass], fingerprints: dict[str, str], params: PocketsphinxParams, root: Root, out: Path) -> list[RefinedBatch]:
    """Utterances with boundaries moved by a model of the corpus; those of an earlier run, where nothing that they depend on changed."""
    heard, before = learned_on(first, params, root), first_pass.refined_before(out)
    own = first_pass.refined_fingerprints([one.utterance_id for one in heard], fingerprints, params)
    left = [one for one in first if own[one.utterance_id] not in before]
    kept = [_from_row(before[own[one.utterance_id]], one.utterance_id) for one in first if own[one.utterance_id] in before]
    print(f"align: {len(left)} of {len(first)} utterances to refine, the model is learned on {len(heard)}", file=sys.stderr)
    parts = [RefinedBatch(kept, []), *(_refine(left, heard, params, root, out) if left else [])]
    moved = [one for part in parts for one in part.moved]
    rows: list[Row] = [
        one._asdict() | {"phones": [asdict(phone) for phone in one.phones], "fingerprint": own[one.utterance_id]} for one in moved
    ]
    write_table(out / first_pass.REFINED_FILE, REFINED.table(rows), REFINED)
    return parts


def _from_row(row: Row, utterance_id: str) -> Refined:
    fit = row["fit"]
    assert isinstance(fit, float)
    return Refined(utterance_id, _id_and_phones(row)[1], fit)


def _refine(left: list[FirstPass], heard: list[FirstPass], params: PocketsphinxParams, root: Root, out: Path) -> list[RefinedBatch]:
    """These utterances, refined by a model learned on `heard`."""
    for folder in out.glob(f"{_FRAMES}*"):  # left by a run that was killed
        shutil.rmtree(folder)
    with TemporaryDirectory(prefix=_FRAMES, dir=out.absolute()) as name:
        model = learn_refinement(heard, params, root, Path(name))
        last = partial(refine_batch, root=root, model=model, reach_s=params.refine_reach_s, kept=Path(name))
        return list(map_batches(last, in_batches(left, BATCH_UTTERANCES), "refined", _crashed))


def _held_to_fit(done: Results, parts: list[RefinedBatch], params: PocketsphinxParams) -> Results:
    """The aligned rows with their refined phones; those that fit badly become rejects."""
    refined = {one.utterance_id: one for part in parts for one in part.moved}
    kept = Results([], [*done.rejected, *(row for part in parts for row in part.rejected)])
    for row in done.aligned:
        one = refined.get(str(row["utterance_id"]))
        if one is None:
            continue
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
