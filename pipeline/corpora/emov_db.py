"""Emotional Voices Database (EmoV-DB): ``bea_Amused/amused_1-15_0001.wav`` or, sorted, ``bea/Amused/amused_1-15_0001.wav``.

The last number is that of a CMU Arctic sentence, ``arctic_a0001``, whose texts are in the ``cmuarctic.data`` that belongs into the
root. Source: Adigwe et al. (2018), arXiv:1806.09514, and https://github.com/numediart/EmoV-DB (README.md, align_db.py).
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import lines_of

EMOV_DB = CodedNames(
    layout="bea_Amused/amused_1-15_0001.wav or bea/Amused/amused_1-15_0001.wav: CMU Arctic sentence a0001; and cmuarctic.data",
    path=re.compile(
        r"(?:.*/)?(?P<speaker>bea|jenie|josh|sam)[_/][^/]+/(?P<stem>(?P<emotion>[a-z]+)_\d+-\d+_(?P<sentence>\d{4}))\.\w+", re.IGNORECASE
    ),
    emotions={name: name for name in ("amused", "anger", "disgust", "neutral", "sleepiness")},
    genders=of_speakers(female="bea jenie", male="josh sam"),
    texts=lines_of("cmuarctic.data", r'\(\s*arctic_a(?P<key>\d{4})\s+"(?P<text>.*)"\s*\)', ("{sentence}",)),
)
