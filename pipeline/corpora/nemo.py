"""nEMO, Polish: ``samples/EB0_anger_1.wav``, with texts in ``data.tsv``.

``EB0`` speaker, ``anger`` emotion, ``1`` sentence. Source: Christop (2024), "nEMO: Dataset of Emotional Speech in Polish",
arXiv:2404.06292, and https://github.com/amu-cai/nEMO (README.md, data.tsv, which also gives the speakers' genders).
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import lines_of

NEMO = CodedNames(
    layout="samples/EB0_anger_1.wav: speaker EB0, emotion anger, sentence 1; and data.tsv with columns file_id, emotion, raw_text",
    path=re.compile(r"samples/(?P<stem>(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_\d+)\.\w+"),
    emotions={name: name for name in ("anger", "fear", "happiness", "neutral", "sadness", "surprised")},
    genders=of_speakers(female="EB0 IC0 KD0 MK0", male="KS0 MP0 SM0 TP0 WR0"),
    texts=lines_of("data.tsv", r"(?P<key>[^\t]+)\.wav\t[^\t]*\t(?P<text>[^\t]*)\t.*", ("{stem}",), clip="samples/{key}"),
)
