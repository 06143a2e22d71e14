"""Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), audio only: ``Actor_12/03-01-06-01-02-01-12.wav``.

``03`` audio only, ``01`` speech, ``06`` emotion, ``01`` intensity, ``02`` statement, ``01`` repetition, ``12`` actor. Source: Livingstone
and Russo (2018), PLoS ONE 13(5), and the corpus's page, https://zenodo.org/records/1188976.
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import sentences

RAVDESS = CodedNames(
    layout="Actor_12/03-01-06-01-02-01-12.wav: audio, speech, emotion 06, intensity 01, statement 02, repetition 01, actor 12",
    path=re.compile(
        r"(?:.*/)?(?P<stem>03-01-(?P<emotion>\d\d)-(?P<intensity>\d\d)-(?P<sentence>\d\d)-\d\d-(?P<speaker>\d\d))\.\w+",
    ),
    emotions={
        "01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful", "07": "disgust", "08": "surprised",
    },
    intensities={"01": 0.5, "02": 1.0},  # normal, strong
    genders=of_speakers(
        female=" ".join(f"{actor:02d}" for actor in range(2, 25, 2)), male=" ".join(f"{actor:02d}" for actor in range(1, 25, 2))
    ),
    ignored=re.compile(r"(?:.*/)?\d\d-02-[^/]*"),  # song
    texts=sentences({"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}),
)  # fmt: skip
