"""CSTR VCTK corpus: ``wav48_silence_trimmed/p225/p225_001_mic1.flac`` (0.92) or ``wav48/p225/p225_001.wav`` (0.80).

Texts are in ``txt/p225/p225_001.txt``, genders in ``speaker-info.txt``. Source: Yamagishi, Veaux, MacDonald (2019),
https://doi.org/10.7488/ds/2645.
"""

import re

from pipeline.corpora.coded import CodedNames, in_file
from pipeline.corpora.texts import file_of_each

VCTK = CodedNames(
    layout="wav48_silence_trimmed/p225/p225_001_mic1.flac or wav48/p225/p225_001.wav; and txt/p225/p225_001.txt",
    path=re.compile(r"wav48(?:_silence_trimmed)?/(?P<speaker>[ps]\d+)/(?P<stem>(?P=speaker)_\d+)(?:_mic1)?\.\w+"),
    genders=in_file(("speaker-info.txt",), r"^(?P<speaker>[ps]?\d+)\s+\d+\s+(?P<gender>[FM])\b", prefix="p"),
    ignored=re.compile(r"wav48_silence_trimmed/.*_mic2\.\w+"),  # the same utterance by the other microphone
    texts=file_of_each("txt/{speaker}/{stem}.txt"),
)
