"""JL corpus, New Zealand English: ``female1_angry_10a_1.wav`` with ``female1_angry_10a_1.txt`` beside it.

``female1`` speaker, ``angry`` emotion, ``10a`` sentence, ``1`` session. Source: James, Tian, Watson (2018), "An open source emotional
speech corpus for human robot interaction applications", Interspeech, and https://github.com/tli725/JL-Corpus.
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import file_of_each

_LABELS = ("angry", "anxious", "apologetic", "assertive", "concerned", "encouraging", "excited", "happy", "neutral", "sad")

JL_CORPUS = CodedNames(
    layout="female1_angry_10a_1.wav: speaker female1, emotion angry, sentence 10a, session 1; and female1_angry_10a_1.txt beside it",
    path=re.compile(r"(?P<beside>(?:.*/)?(?P<stem>(?P<speaker>(?:fe)?male\d)_(?P<emotion>[a-z]+)_\d+[ab]_\d))\.\w+"),
    emotions={label: label for label in _LABELS},
    genders=of_speakers(female="female1 female2", male="male1 male2"),
    texts=file_of_each("{beside}.txt"),
)
