"""Berlin Database of Emotional Speech (EmoDB): all is in the file name, ``wav/03a01Fa.wav``.

``03`` speaker, ``a01`` sentence, ``F`` emotion (by its German word), ``a`` version. Source: Burkhardt et al. (2005), "A database of
German emotional speech", and the corpus's documentation of its codes.
"""

import re

from pipeline.corpora.coded import CodedNames, of_speakers
from pipeline.corpora.texts import sentences

EMODB = CodedNames(
    layout="wav/03a01Fa.wav (or .flac): speaker 03, sentence a01, emotion F, version a",
    path=re.compile(r"wav/(?P<stem>(?P<speaker>\d\d)(?P<sentence>[a-z]\d\d)(?P<emotion>[A-Z])[a-z])\.\w+"),
    emotions={"W": "Wut", "L": "Langeweile", "E": "Ekel", "A": "Angst", "F": "Freude", "T": "Trauer", "N": "neutral"},
    genders=of_speakers(female="08 09 13 14 16", male="03 10 11 12 15"),
    ignored=re.compile(r"egg/.*"),  # laryngograph recordings of the same clips
    texts=sentences(
        {
            "a01": "Der Lappen liegt auf dem Eisschrank.",
            "a02": "Das will sie am Mittwoch abgeben.",
            "a04": "Heute abend könnte ich es ihm sagen.",
            "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
            "a07": "In sieben Stunden wird es soweit sein.",
            "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
            "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
            "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
            "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
            "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
        }
    ),
)
