"""Berlin Database of Emotional Speech (EmoDB): all is in the file name, ``wav/03a01Fa.wav``.

``03`` speaker, ``a01`` sentence, ``F`` emotion (by its German word), ``a`` version. Source: Burkhardt et al. (2005), "A database of
German emotional speech", and the corpus's documentation of its codes.
"""

import re
from collections.abc import Iterator

from pipeline.corpora.entries import Candidate, Entry, Fault
from pipeline.corpora.tree import Tree
from schemas.errors import RowError
from schemas.params import CorpusParams
from schemas.reasons import Reason

_GENDERS = {"03": "male", "08": "female", "09": "female", "10": "male", "11": "male",
            "12": "male", "13": "female", "14": "female", "15": "male", "16": "female"}  # fmt: skip
_EMOTIONS = {
    "W": ("angry", "Wut"),
    "L": ("bored", "Langeweile"),
    "E": ("disgusted", "Ekel"),
    "A": ("fearful", "Angst"),
    "F": ("happy", "Freude"),
    "T": ("sad", "Trauer"),
    "N": ("neutral", "neutral"),
}
_SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_AUDIO = re.compile(r"wav/(?P<stem>(?P<speaker>\d\d)(?P<sentence>[a-z]\d\d)(?P<emotion>[WLEAFTN])[a-z])\.\w+")


class EmoDb:
    """Adapter of EmoDB."""

    layout = "wav/03a01Fa.wav (or .flac): speaker 03, sentence a01, emotion F, version a"
    ignored_folders: tuple[str, ...] = ("egg",)  # laryngograph recordings of the same clips

    def entries(self, tree: Tree, params: CorpusParams) -> Iterator[Entry]:  # noqa: ARG002
        """Speaker, text and emotion from the name; see `Adapter`."""
        for path in tree.audio:
            if code := _AUDIO.fullmatch(path):
                yield _entry(path, code["stem"], code["speaker"], code["sentence"], code["emotion"])


def _entry(path: str, stem: str, speaker: str, sentence: str, letter: str) -> Entry:
    if sentence not in _SENTENCES:
        known = ", ".join(_SENTENCES)
        return Fault(path, RowError(Reason.TEXT_MISSING, f"sentence {sentence} is none of {known}; its text is not known"), speaker, stem)
    emotion, label = _EMOTIONS[letter]
    return Candidate(stem, path, speaker, _SENTENCES[sentence], emotion, label, _GENDERS.get(speaker, "unknown"))
