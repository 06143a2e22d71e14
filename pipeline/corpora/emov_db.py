"""Emotional Voices Database (EmoV-DB): ``bea_Amused/amused_1-15_0001.wav`` or, sorted, ``bea/Amused/amused_1-15_0001.wav``.

``1-15`` is the range of sentences of one session, ``0001`` the CMU Arctic sentence ``arctic_a0001``, whose text is in the
``cmuarctic.data`` that belongs into the root. Source: Adigwe et al. (2018), arXiv:1806.09514, and
https://github.com/numediart/EmoV-DB (README.md, align_db.py).
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import Codes, Texts, lines_of
from pipeline.corpora.tree import Tree
from schemas.errors import RowError
from schemas.reasons import Reason

_ARCTIC = lines_of("cmuarctic.data", r'\(\s*arctic_a(?P<key>\d{4})\s+"(?P<text>.*)" ?\)', ("{sentence}",))


def _texts(tree: Tree) -> Texts:
    """CMU Arctic's, but for a number outside the session's range: one of the two is mistyped, and the text would be another's."""
    arctic = _ARCTIC(tree)

    def find(codes: Codes) -> str:
        if not int(codes["first"]) <= int(codes["sentence"]) <= int(codes["last"]):
            detail = f"sentence {codes['sentence']} is not of the range {codes['first']}-{codes['last']}; listen, and rename the file"
            raise RowError(Reason.TEXT_MISSING, detail)
        return arctic.find(codes)

    return Texts(find)


EMOV_DB = CodedNames(
    layout="bea_Amused/amused_1-15_0001.wav or bea/Amused/amused_1-15_0001.wav: CMU Arctic sentence a0001; and cmuarctic.data",
    path=re.compile(
        r"(?:.*/)?(?P<speaker>bea|jenie|josh|sam)[_/](?P<emotion>[A-Za-z]+)/(?P<stem>[A-Za-z]+_(?P<first>\d+)-(?P<last>\d+)_(?P<sentence>\d{4}))\.\w+"
    ),
    emotions={"Amused": "amused", "Angry": "angry", "Disgusted": "disgusted", "Neutral": "neutral", "Sleepy": "sleepy"},
    genders=of_speakers(female="bea jenie", male="josh sam"),
    texts=_texts,
)
