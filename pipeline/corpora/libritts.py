"""LibriTTS and LibriTTS-R: ``train-clean-100/103/1241/103_1241_000000_000001.wav`` with ``.normalized.txt`` beside it.

Folders are subset, speaker, chapter; genders are in ``speakers.tsv`` or ``SPEAKERS.txt``. Source: Zen et al. (2019), "LibriTTS: a corpus
derived from LibriSpeech for text-to-speech", Interspeech, and https://www.openslr.org/60.
"""

import re

from pipeline.corpora.coded import CodedNames, in_file
from pipeline.corpora.texts import file_of_each

LIBRITTS = CodedNames(
    layout="train-clean-100/103/1241/103_1241_000000_000001.wav, and 103_1241_000000_000001.normalized.txt beside it",
    path=re.compile(
        r"(?P<beside>(?P<subset>[a-z]+)-(?:clean|other)(?:-\d+)?/(?P<speaker>\d+)/(?P<chapter>\d+)/(?P<stem>(?P=speaker)_(?P=chapter)_\d+_\d+))\.\w+"
    ),
    subsets={"train": "train", "dev": "validation", "test": "test"},
    genders=in_file(("speakers.tsv", "SPEAKERS.txt"), r"^(?P<speaker>\d+)\s*[|\t]\s*(?P<gender>[FM])\b"),
    texts=file_of_each("{beside}.normalized.txt"),
)
