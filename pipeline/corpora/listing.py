"""A whole corpus as utterances with ids and rejects with reasons: every audio file is in one of the two."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pipeline.corpora import Adapter, Candidate, Entry, Fault
from pipeline.corpora.transcripts import spoken
from pipeline.corpora.tree import Tree, has_control_characters, scan
from pipeline.storage import Root
from schemas.errors import CorpusError, ParamsError, RowError
from schemas.params import AdapterName, CorpusParams
from schemas.reasons import Reason
from schemas.tables.utterances import MAX_ID_CHARS

_TABLE_READERS: tuple[AdapterName, ...] = ("folder", "huggingface")


@dataclass
class Listing:
    """Candidates and the faults of all else, each by a reject's or an utterance's id, which no two share.

    Attributes
    ----------
    n_audio_files
        Audio files met; the other entries are lines of metadata without audio, and links to folders outside.
    n_ignored
        Audio files beside them that the adapter knows not to be part of the corpus (`Adapter.ignores`).
    """

    root: Root
    n_audio_files: int
    n_ignored: int
    candidates: dict[str, Candidate] = field(default_factory=dict)
    faults: dict[str, RowError] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.candidates) + len(self.faults)


def list_corpus(name: str, params: CorpusParams, root: Root, adapter: Adapter) -> Listing:
    """Read a corpus's metadata with its adapter.

    Raises
    ------
    CorpusError
        If the folder is missing, holds no audio file, or its metadata as a whole cannot be read.
    ParamsError
        If `table:` is given to an adapter that does not read it.
    """
    if params.table is not None and params.adapter not in _TABLE_READERS:
        readers = " and ".join(f"`adapter: {reader}`" for reader in _TABLE_READERS)
        raise ParamsError(f"`corpora.{name}.table` is read by {readers} alone, this is {params.adapter}; set it to null")
    tree = scan(name, root, lambda path: adapter.ignores(path, params))
    if not tree.audio and not tree.faults:
        raise CorpusError(f"corpus '{name}': no audio file in {root}; `adapter: {params.adapter}` looks for {adapter.layout}")
    listing = Listing(tree.root, len(tree.audio) + sum(1 for path, _ in tree.faults if not tree.is_folder(path)), tree.n_ignored)
    refused = dict(tree.faults)
    entries = [entry for entry in adapter.entries(tree, params) if _path(entry) not in refused]
    entries += [Fault(path, error) for path, error in refused.items()]
    for entry in sorted([*entries, *_passed_over(tree, entries, adapter)], key=_path):
        _add(listing, name, entry)
    return listing


def _path(entry: Entry) -> str:
    return entry.audio_path if isinstance(entry, Candidate) else entry.path


def _passed_over(tree: Tree, entries: list[Entry], adapter: Adapter) -> Iterable[Fault]:
    taken = {_path(entry) for entry in entries}
    error = RowError(Reason.NAME_UNPARSED, f"the path does not fit the layout: {adapter.layout}")
    return (Fault(path, error) for path in tree.audio if path not in taken)


def _add(listing: Listing, corpus: str, entry: Entry) -> None:
    """File an entry under its id; the first in path order has it, another becomes DUPLICATE_ID under its path."""
    if isinstance(entry, Fault) and (entry.speaker is None or entry.stem is None):
        listing.faults[_path_id(listing, corpus, entry.path)] = entry.error
        return
    try:
        utterance_id = _utterance_id(corpus, entry.speaker, entry.stem)
        if utterance_id in listing.candidates or utterance_id in listing.faults:
            raise RowError(Reason.DUPLICATE_ID, f"{utterance_id} is the id of an earlier file too; rename one")
    except RowError as error:
        listing.faults[_path_id(listing, corpus, _path(entry))] = error
        return
    _add_with_id(listing, utterance_id, entry)


def _add_with_id(listing: Listing, utterance_id: str, entry: Entry) -> None:
    if isinstance(entry, Fault):
        listing.faults[utterance_id] = entry.error
        return
    try:
        listing.candidates[utterance_id] = replace(entry, text=spoken(entry.text))
    except RowError as error:
        listing.faults[utterance_id] = error


def _utterance_id(corpus: str, speaker: str | None, stem: str | None) -> str:
    """``corpus/speaker/stem``, of which later stages make file names, so neither part may be a path.

    Raises
    ------
    RowError
        NAME_UNPARSED if either is unknown or unfit.
    """
    for kind, part in (("speaker", speaker), ("stem", stem)):
        if not part or part != part.strip() or part in (".", "..", "?") or "/" in part or has_control_characters(part):
            raise RowError(Reason.NAME_UNPARSED, f"the {kind} {part!r} cannot be part of an id; rename it")
    utterance_id = f"{corpus}/{speaker}/{stem}"
    if len(utterance_id) > MAX_ID_CHARS:
        detail = f"the id has {len(utterance_id)} characters, at most {MAX_ID_CHARS}; shorten the file's name"
        raise RowError(Reason.NAME_UNPARSED, detail, len(utterance_id))
    return utterance_id


def _path_id(listing: Listing, corpus: str, path: str) -> str:
    """Id of an entry without one of its own: its path, printable, and numbered where metadata names it more than once."""
    plain = f"{corpus}/?/" + "".join(_escaped(character) for character in path)
    number, path_id = 1, plain
    while path_id in listing.faults:
        number += 1
        path_id = f"{plain}#{number}"
    return path_id


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if has_control_characters(character) else character
