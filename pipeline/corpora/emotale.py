"""EmoTale, Danish and English: ``DK_004_A_5.wav``.

``DK`` language, ``004`` speaker, ``A`` emotion, ``5`` sentence. Source: Hjuler et al. (2025), arXiv:2508.14548, and
https://github.com/snehadas/EmoTale (README.md has the sentences).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.corpora.coded import CodedNames
from pipeline.corpora.entries import Entry
from pipeline.corpora.texts import sentences
from pipeline.corpora.tree import Tree
from schemas.errors import CorpusError
from schemas.params import CorpusParams

_OTHER = {"da": "EN_", "en": "DK_"}  # by the corpus's language in params.yaml, the clips of the other


@dataclass(frozen=True)
class EmoTale(CodedNames):
    """Adapter of one of EmoTale's two languages: a corpus block has one."""

    def ignores(self, path: str, params: CorpusParams) -> bool:
        """Whether the clip is in the other language."""
        return path.rpartition("/")[2].startswith(_OTHER.get(params.language[:2], "no clip"))

    def entries(self, tree: Tree, params: CorpusParams) -> Iterator[Entry]:
        """As of any corpus with coded names; CorpusError if the language is neither of the two."""
        if params.language[:2] not in _OTHER:
            raise CorpusError(
                f"corpus '{tree.name}' is Danish and English; set `corpora.{tree.name}.language` to da or to an English voice"
            )
        return super().entries(tree, params)


EMOTALE = EmoTale(
    layout="DK_004_A_5.wav: language DK (`language: da`) or EN (`language: en-gb`), speaker 004, emotion A, sentence 5",
    path=re.compile(r"(?:.*/)?(?P<stem>(?P<language>DK|EN)_(?P<speaker>\d{3})_(?P<emotion>[A-Z])_(?P<sentence>\d))\.\w+"),
    emotions={"A": "anger", "B": "boredom", "H": "happiness", "N": "neutral", "S": "sadness"},
    texts=sentences(
        {
            "DK_1": "Dugen ligger på køleskabet.",
            "DK_2": "Det sorte ark papir er placeret deroppe ved siden af tømmerstykket.",
            "DK_3": "De bar det bare ovenpå og nu skal de ned igen.",
            "DK_4": "Det vil være på det sted, hvor vi altid opbevarer det.",
            "DK_5": "Om syv timer er det morgen.",
            "EN_1": "The tablecloth is lying on the fridge.",
            "EN_2": "The black sheet of paper is located up there besides the piece of timber.",
            "EN_3": "They just carried it upstairs and now they are going down again.",
            "EN_4": "It will be in the place where we always store it.",
            "EN_5": "In seven hours it will be morning.",
        },
        key="{language}_{sentence}",
    ),
)
