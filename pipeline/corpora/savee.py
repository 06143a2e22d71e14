"""Surrey Audio-Visual Expressed Emotion database (SAVEE): ``DC/a01.wav``, or flat ``DC_a01.wav``.

``DC`` speaker, ``a`` emotion, ``01`` sentence. The corpus comes without transcripts, so the user puts them into ``metadata.csv``. Source:
Haq and Jackson (2010), the corpus's AudioData/Info.txt and http://kahlan.eps.surrey.ac.uk/savee/.
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import lines_of

SAVEE = CodedNames(
    layout="DC/a01.wav or DC_a01.wav: speaker DC, emotion a, sentence 01; and your metadata.csv with lines `a01|text` or `DC_a01|text`",
    path=re.compile(r"(?:.*/)?(?P<speaker>DC|JE|JK|KL)[/_](?P<stem>(?P<emotion>[a-z]{1,2})\d\d)\.\w+"),
    emotions={
        "a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "n": "neutral", "sa": "sadness", "su": "surprise",
    },
    genders=of_speakers(male="DC JE JK KL"),
    texts=lines_of("metadata.csv", r"(?P<key>[^|]+)\|(?P<text>.*)", ("{speaker}_{stem}", "{stem}")),
)  # fmt: skip
