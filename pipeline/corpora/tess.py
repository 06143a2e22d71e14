"""Toronto Emotional Speech Set (TESS): ``OAF_angry/OAF_back_angry.wav``.

``OAF`` older, ``YAF`` younger actress, ``back`` the word in the carrier phrase, ``angry`` emotion. Source: Pichora-Fuller and Dupuis
(2020), https://doi.org/10.5683/SP2/E8H2MF.
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import carrier_phrase

TESS = CodedNames(
    layout="OAF_angry/OAF_back_angry.wav: speaker OAF or YAF, the word back, emotion angry",
    path=re.compile(r"(?:.*/)?(?P<stem>(?P<speaker>OAF|YAF|OA)_(?P<word>[a-z]+)_(?P<emotion>[a-z]+))\.\w+"),
    emotions={
        "angry": "angry", "disgust": "disgust", "fear": "fear", "happy": "happy", "neutral": "neutral", "sad": "sad",
        "ps": "pleasant surprise",
    },
    speakers={"OA": "OAF"},  # OA_bite_neutral.wav
    genders=of_speakers(female="OAF YAF"),
    texts=carrier_phrase("Say the word {word}."),
)  # fmt: skip
