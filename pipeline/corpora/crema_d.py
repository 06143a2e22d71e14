"""Crowd-sourced Emotional Multimodal Actors Dataset (CREMA-D): ``AudioWAV/1001_IEO_ANG_HI.wav``.

``1001`` actor, ``IEO`` sentence, ``ANG`` emotion, ``HI`` intensity. Source: Cao et al. (2014), IEEE Transactions on Affective Computing
5(4), and https://github.com/CheyneyComputerScience/CREMA-D: its README has the codes and the numbers of the intensities, its
VideoDemographics.csv the actors' sex.
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import sentences

_WOMEN = (
    "1002 1003 1004 1006 1007 1008 1009 1010 1012 1013 1018 1020 1021 1024 1025 1028 1029 1030 1037 1043 1046 1047 "
    "1049 1052 1053 1054 1055 1056 1058 1060 1061 1063 1072 1073 1074 1075 1076 1078 1079 1082 1084 1089 1091"
)

CREMA_D = CodedNames(
    layout="AudioWAV/1001_IEO_ANG_HI.wav: actor 1001, sentence IEO, emotion ANG, intensity HI",
    path=re.compile(
        r"(?:.*/)?(?P<stem>(?P<speaker>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<intensity>[A-Z]{1,2}))\.\w+",
    ),
    emotions={"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"},
    intensities={"LO": 0.2, "MD": 0.5, "HI": 0.8, "XX": None, "X": None},  # X: 1040_ITH_SAD_X.wav
    genders=of_speakers(female=_WOMEN, male=" ".join(str(actor) for actor in range(1001, 1092) if str(actor) not in _WOMEN.split())),
    ignored=re.compile(r"(?:.*/)?AudioMP3/.*"),  # the same clips as the raters heard them
    texts=sentences(
        {
            "DFA": "Don't forget a jacket.",
            "IEO": "It's eleven o'clock.",
            "IOM": "I'm on my way to the meeting.",
            "ITH": "I think I have a doctor's appointment.",
            "ITS": "I think I've seen this before.",
            "IWL": "I would like a new alarm clock.",
            "IWW": "I wonder what this is about.",
            "MTI": "Maybe tomorrow it will be cold.",
            "TAI": "The airplane is almost full.",
            "TIE": "That is exactly what happened.",
            "TSI": "The surface is slick.",
            "WSI": "We'll stop in a couple of minutes.",
        }
    ),
)
