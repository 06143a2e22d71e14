"""LJSpeech and corpora like it: ``metadata.csv`` with ``id|text`` or ``id|text|normalised text``, and ``wavs/<id>.wav``.

One speaker, named as the corpus; no labels of emotion. Source: Ito and Johnson (2017), "The LJ Speech Dataset".
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipeline.corpora.entries import Adapter, Candidate, Entry, Fault
from pipeline.corpora.transcripts import MAX_METADATA_BYTES, byte_lines, decode
from pipeline.corpora.tree import Tree, is_audio
from schemas.errors import CorpusError, RowError
from schemas.params import CorpusParams
from schemas.reasons import Reason

_METADATA = "metadata.csv"


class LjSpeech(Adapter):
    """Adapter of LJSpeech-like corpora."""

    layout = "metadata.csv with lines `id|text` or `id|text|normalised text`, and wavs/<id>.wav (or .flac, ...)"

    def entries(self, tree: Tree, params: CorpusParams) -> Iterator[Entry]:  # noqa: ARG002
        """Text by id; the normalised text where there is one; see `Adapter`."""
        texts = _texts(tree)
        seen = set()
        for path in tree.audio:
            name = PurePosixPath(path)
            if name.parts[0] == "wavs" and len(name.parts) > 1:
                key = name.relative_to("wavs").with_suffix("").as_posix()
                yield _entry(tree, path, texts.get(key), name.stem)
                seen.add(key)
        for key in sorted(texts.keys() - seen):
            yield _unheard(tree, key)


def _texts(tree: Tree) -> dict[str, str | RowError]:
    """Text of each id, or why it has none."""
    try:
        lines = byte_lines(tree.read(_METADATA, MAX_METADATA_BYTES))
    except RowError as error:
        raise CorpusError(f"corpus '{tree.name}': {error.detail}; looked for {LjSpeech.layout} in {tree.root}") from None
    texts: dict[str, str | RowError] = {}
    for line in lines:
        key, text = _parse(line)
        if texts.setdefault(key, text) != text:
            texts[key] = RowError(Reason.TEXT_MISSING, f"{_METADATA} names {key} twice with different texts; keep one line")
    return texts


def _parse(line: bytes) -> tuple[str, str | RowError]:
    name, _, rest = line.partition(b"|")
    key = name.decode(errors="backslashreplace").strip()
    key = key.rpartition(".")[0] if is_audio(key) else key
    try:
        columns = decode(rest).split("|")
    except RowError as error:
        return key, error
    return key, (columns[1].strip() if len(columns) > 1 else "") or columns[0].strip()


def _entry(tree: Tree, path: str, text: str | RowError | None, stem: str) -> Entry:
    if text is None:
        text = RowError(Reason.TEXT_MISSING, f"{_METADATA} has no line for {stem}; add one")
    if isinstance(text, RowError):
        return Fault(path, text, tree.name, stem)
    return Candidate(stem, path, tree.name, text)


def _unheard(tree: Tree, key: str) -> Fault:
    try:
        tree.inside(key)
    except RowError as error:
        return Fault(f"wavs/{key}", error)
    missing = RowError(Reason.AUDIO_MISSING, f"{_METADATA} names {key}, wavs/ has no audio file of that name")
    return Fault(f"wavs/{key}", missing, tree.name, PurePosixPath(key).name)
