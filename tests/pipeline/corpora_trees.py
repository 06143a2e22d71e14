"""Trees with each corpus's real file names, odd ones among them, and what must come of them."""

import json
from dataclasses import dataclass, field

from schemas.params import AdapterName
from schemas.reasons import Reason

Fields = tuple[str, str, str, str, float | None, str | None]  # text, emotion, emotion_label, gender, intensity, split


@dataclass(frozen=True)
class CorpusTree:
    """Files of a corpus, and the listing that they must give (corpus ``c``).

    Parameters
    ----------
    found
        Of each candidate's id.
    faults
        Of each fault's id.
    ignored
        Audio files that are no part of the corpus.
    texts
        Other files: path to content.
    """

    found: dict[str, Fields]
    faults: dict[str, Reason]
    audio: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    language: str = "en-us"


_KIDS, _DOGS = "Kids are talking by the door.", "Dogs are sitting by the door."

TREES: dict[AdapterName, CorpusTree] = {
    "esd": CorpusTree(
        audio=(
            "0011/Angry/0011_000351.wav", "0011/Angry/0011_000371.wav", "0011/Angry/0011_000401.wav", "0011/Neutral/0011_000350.wav",
            "0015/Surprise/train/0015_001401.wav", "0011/Envious/0011_000002.wav", "0011/Sad/0011_001060.wav",
        ),
        texts={
            "0011/0011.txt": "0011_000351\tThe nine the eggs, I keep.\tAngry\n0011_000371\tI did go.\tAngry\n"
            "0011_000401\tTom!\tAngry\n0011_000350\tNo.\tNeutral\n",
            "0015/0015.txt": "0015_001401\tOh?\tSurprise\n",
        },
        found={
            "c/0011/0011_000351": ("The nine the eggs, I keep.", "angry", "Angry", "male", None, "validation"),
            "c/0011/0011_000371": ("I did go.", "angry", "Angry", "male", None, "test"),
            "c/0011/0011_000401": ("Tom!", "angry", "Angry", "male", None, "train"),
            "c/0011/0011_000350": ("No.", "neutral", "Neutral", "male", None, "train"),
            "c/0015/0015_001401": ("Oh?", "surprised", "Surprise", "female", None, "train"),
        },
        faults={"c/?/0011/Envious/0011_000002.wav": Reason.NAME_UNPARSED, "c/0011/0011_001060": Reason.TEXT_MISSING},
    ),
    "emodb": CorpusTree(
        audio=("wav/03a01Fa.wav", "wav/16b10Td.wav", "wav/08a02Wc.wav", "wav/03a01Xa.wav", "wav/03a03Fa.wav", "readme.wav"),
        ignored=("egg/03a01Fa.wav",),
        found={
            "c/03/03a01Fa": ("Der Lappen liegt auf dem Eisschrank.", "happy", "Freude", "male", None, None),
            "c/16/16b10Td": ("Die wird auf dem Platz sein, wo wir sie immer hinlegen.", "sad", "Trauer", "female", None, None),
            "c/08/08a02Wc": ("Das will sie am Mittwoch abgeben.", "angry", "Wut", "female", None, None),
        },
        faults={
            "c/?/wav/03a01Xa.wav": Reason.NAME_UNPARSED, "c/03/03a03Fa": Reason.TEXT_MISSING, "c/?/readme.wav": Reason.NAME_UNPARSED,
        },
        language="de",
    ),
    "ravdess": CorpusTree(
        audio=(
            "Actor_01/03-01-01-01-01-01-01.wav", "Actor_12/03-01-06-02-02-01-12.wav", "Actor_12/03-01-02-01-02-02-12.wav",
            "Actor_12/03-01-09-01-02-01-12.wav", "Actor_12/03-01-06-03-02-01-12.wav", "Actor_12/03-01-06-01-03-01-12.wav",
            "Actor_12/01-01-06-01-02-01-12.wav",
        ),
        ignored=("Actor_12/03-02-06-01-02-01-12.wav",),
        found={
            "c/01/03-01-01-01-01-01-01": (_KIDS, "neutral", "neutral", "male", None, None),
            "c/12/03-01-06-02-02-01-12": (_DOGS, "fearful", "fearful", "female", 1.0, None),
            "c/12/03-01-02-01-02-02-12": (_DOGS, "calm", "calm", "female", 0.5, None),
        },
        faults={
            "c/?/Actor_12/03-01-09-01-02-01-12.wav": Reason.NAME_UNPARSED,  # emotion
            "c/?/Actor_12/03-01-06-03-02-01-12.wav": Reason.NAME_UNPARSED,  # intensity
            "c/12/03-01-06-01-03-01-12": Reason.TEXT_MISSING,  # statement
            "c/?/Actor_12/01-01-06-01-02-01-12.wav": Reason.NAME_UNPARSED,  # sound of the video
        },
    ),
    "crema_d": CorpusTree(
        audio=(
            "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1001_IEO_DIS_LO.wav", "AudioWAV/1002_IEO_SAD_HI.wav", "AudioWAV/1091_IEO_HAP_MD.wav",
            "AudioWAV/1003_IEO_NEU_XX.wav", "AudioWAV/1040_ITH_SAD_X.wav", "AudioWAV/1001_ABC_ANG_XX.wav", "AudioWAV/1001_DFA_SUR_XX.wav",
            "AudioWAV/1001_DFA_ANG_ZZ.wav",
        ),
        ignored=("AudioMP3/1001_DFA_ANG_XX.mp3",),
        texts={"VideoDemographics.csv": '"ActorID","Age","Sex","Race","Ethnicity"\n'},
        found={
            "c/1001/1001_DFA_ANG_XX": ("Don't forget a jacket.", "angry", "anger", "male", None, None),
            "c/1001/1001_IEO_DIS_LO": ("It's eleven o'clock.", "disgusted", "disgust", "male", 0.2, None),
            "c/1002/1002_IEO_SAD_HI": ("It's eleven o'clock.", "sad", "sad", "female", 0.8, None),
            "c/1091/1091_IEO_HAP_MD": ("It's eleven o'clock.", "happy", "happy", "female", 0.5, None),
            "c/1003/1003_IEO_NEU_XX": ("It's eleven o'clock.", "neutral", "neutral", "female", None, None),
            "c/1040/1040_ITH_SAD_X": ("I think I have a doctor's appointment.", "sad", "sad", "male", None, None),
        },
        faults={
            "c/1001/1001_ABC_ANG_XX": Reason.TEXT_MISSING,
            "c/?/AudioWAV/1001_DFA_SUR_XX.wav": Reason.NAME_UNPARSED,
            "c/?/AudioWAV/1001_DFA_ANG_ZZ.wav": Reason.NAME_UNPARSED,
        },
    ),
    "emov_db": CorpusTree(
        audio=(
            "bea_Amused/amused_1-15_0001.wav", "bea/Sleepy/sleepiness_1-28_0015.wav", "sam/Angry/anger_336-364_0349.wav",
            "josh_Neutral/neutral_1-28_0023.wav", "jenie_Disgusted/disgust_1-28_0002.wav", "jenie_Disgusted/disgust_1-28_0007.wav",
            "sam/Rage/anger_1-28_0001.wav", "bea_Amused/amused.wav", "bea/Angry/anger_197-224_0023.wav",
        ),
        texts={
            "cmuarctic.data": '( arctic_a0001 "Author of the danger trail, Philip Steels, etc." )\n'
            '( arctic_a0002 "Not at this particular case, Tom, apologized Whittemore." )\n( arctic_a0015 "Fifteen." )\n'
            '( arctic_a0023 "Twenty-three." )\n( arctic_a0349 "Said \\"so\\"." )\n( arctic_b0001 "Another." )\n',
        },
        found={
            "c/bea/amused_1-15_0001": ("Author of the danger trail, Philip Steels, etc.", "amused", "amused", "female", None, None),
            "c/bea/sleepiness_1-28_0015": ("Fifteen.", "sleepy", "sleepy", "female", None, None),
            "c/sam/anger_336-364_0349": ('Said \\"so\\".', "angry", "angry", "male", None, None),
            "c/josh/neutral_1-28_0023": ("Twenty-three.", "neutral", "neutral", "male", None, None),
            "c/jenie/disgust_1-28_0002": (
                "Not at this particular case, Tom, apologized Whittemore.", "disgusted", "disgusted", "female", None, None,
            ),
        },
        faults={
            "c/jenie/disgust_1-28_0007": Reason.TEXT_MISSING,
            "c/bea/anger_197-224_0023": Reason.TEXT_MISSING,  # outside its range
            "c/?/sam/Rage/anger_1-28_0001.wav": Reason.NAME_UNPARSED,
            "c/?/bea_Amused/amused.wav": Reason.NAME_UNPARSED,
        },
    ),
    "savee": CorpusTree(
        audio=("AudioData/DC/a01.wav", "AudioData/JE/sa03.wav", "AudioData/KL/n30.wav", "JK_su15.wav", "AudioData/DC/x01.wav",
            "AudioData/DC/a02.wav"),
        texts={"metadata.csv": "a01|For all.\nsa03|Common.\nJE_sa03|JE's own.\nn30|Neutral one.\nsu15|Really?\n",
            "AudioData/Info.txt": "Speakers"},
        found={
            "c/DC/a01": ("For all.", "angry", "anger", "male", None, None),
            "c/JE/sa03": ("JE's own.", "sad", "sadness", "male", None, None),
            "c/KL/n30": ("Neutral one.", "neutral", "neutral", "male", None, None),
            "c/JK/su15": ("Really?", "surprised", "surprise", "male", None, None),
        },
        faults={"c/?/AudioData/DC/x01.wav": Reason.NAME_UNPARSED, "c/DC/a02": Reason.TEXT_MISSING},
        language="en-gb",
    ),
    "tess": CorpusTree(
        audio=(
            "OAF_angry/OAF_back_angry.wav", "OAF_neutral/OA_bite_neutral.wav", "YAF_pleasant_surprised/YAF_death_ps.wav",
            "OAF_Fear/OAF_germ_fear.wav", "YAF_angry/YAF_back_bored.wav", "copy/OAF_angry/OAF_back_angry.wav",
        ),
        found={
            "c/OAF/OA_bite_neutral": ("Say the word bite.", "neutral", "neutral", "female", None, None),
            "c/OAF/OAF_back_angry": ("Say the word back.", "angry", "angry", "female", None, None),
            "c/OAF/OAF_germ_fear": ("Say the word germ.", "fearful", "fear", "female", None, None),
            "c/YAF/YAF_death_ps": ("Say the word death.", "surprised", "pleasant surprise", "female", None, None),
        },
        faults={
            "c/?/YAF_angry/YAF_back_bored.wav": Reason.NAME_UNPARSED,
            "c/?/copy/OAF_angry/OAF_back_angry.wav": Reason.DUPLICATE_ID,  # after OAF_angry/ in path order
        },
    ),
    "jl_corpus": CorpusTree(
        audio=("female1_angry_10a_1.wav", "male2_anxious_3b_2.wav", "male1_encouraging_1a_1.wav", "male1_bored_1a_1.wav",
            "female2_sad_15b_2.wav"),
        texts={"female1_angry_10a_1.txt": "Angry words", "male2_anxious_3b_2.txt": "Anxious\r\n", "male1_encouraging_1a_1.txt": "Go on"},
        found={
            "c/female1/female1_angry_10a_1": ("Angry words", "angry", "angry", "female", None, None),
            "c/male2/male2_anxious_3b_2": ("Anxious", "anxious", "anxious", "male", None, None),
            "c/male1/male1_encouraging_1a_1": ("Go on", "encouraging", "encouraging", "male", None, None),
        },
        faults={"c/?/male1_bored_1a_1.wav": Reason.NAME_UNPARSED, "c/female2/female2_sad_15b_2": Reason.TEXT_MISSING},
        language="en-gb",
    ),
    "nemo": CorpusTree(
        audio=("samples/EB0_anger_1.wav", "samples/WR0_surprised_64.wav", "samples/KS0_joy_2.wav", "samples/MP0_sadness_79.wav",
            "EB0_anger_2.wav"),
        texts={
            "data.tsv": "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
            "WR0_surprised_64.wav\tsurprised\tUcho wykrywa dźwięki.\tucho wykrywa dźwięki\t        WR0\tmale\t23\n"
            "EB0_anger_1.wav\tanger\tLubię czytać przed snem.\tlubię czytać przed snem\t        EB0\tfemale\t27\n"
            "IC0_fear_3.wav\tfear\tChodźmy w tango.\tchodźmy w tango\t        IC0\tfemale\t28\n"
            "../../IC0_fear_4.wav\tfear\tChodźmy.\tchodźmy\t        IC0\tfemale\t28\n",
        },
        found={
            "c/EB0/EB0_anger_1": ("Lubię czytać przed snem.", "angry", "anger", "female", None, None),
            "c/WR0/WR0_surprised_64": ("Ucho wykrywa dźwięki.", "surprised", "surprised", "male", None, None),
        },
        faults={
            "c/?/samples/KS0_joy_2.wav": Reason.NAME_UNPARSED,
            "c/MP0/MP0_sadness_79": Reason.TEXT_MISSING,
            "c/?/EB0_anger_2.wav": Reason.NAME_UNPARSED,
            "c/IC0/IC0_fear_3": Reason.AUDIO_MISSING,
            "c/?/samples/../../IC0_fear_4": Reason.PATH_OUTSIDE_ROOT,
        },
        language="pl",
    ),
    "emotale": CorpusTree(
        audio=("DK_004_A_5.wav", "wav/DK_001_B_1.wav", "DK_003_X_1.wav", "DK_003_N_6.wav", "speaker.wav"),
        ignored=("EN_004_A_5.wav", "wav/EN_001_B_1.wav"),
        texts={"annotations.csv": "file,a1_A\n"},
        found={
            "c/004/DK_004_A_5": ("Om syv timer er det morgen.", "angry", "anger", "unknown", None, None),
            "c/001/DK_001_B_1": ("Dugen ligger på køleskabet.", "bored", "boredom", "unknown", None, None),
        },
        faults={
            "c/?/DK_003_X_1.wav": Reason.NAME_UNPARSED, "c/003/DK_003_N_6": Reason.TEXT_MISSING, "c/?/speaker.wav": Reason.NAME_UNPARSED,
        },
        language="da",
    ),
    "ljspeech": CorpusTree(
        audio=("wavs/LJ001-0001.wav", "wavs/LJ001-0002.wav", "wavs/LJ001-0003.wav", "LJ001-0004.wav"),
        texts={"metadata.csv": "LJ001-0001|Printing, 1.|Printing, one.\nLJ001-0002|in being|in being\nLJ001-0005|gone|gone\n",
            "README": "x"},
        found={
            "c/c/LJ001-0001": ("Printing, one.", "unknown", "", "unknown", None, None),
            "c/c/LJ001-0002": ("in being", "unknown", "", "unknown", None, None),
        },
        faults={
            "c/c/LJ001-0003": Reason.TEXT_MISSING, "c/?/LJ001-0004.wav": Reason.NAME_UNPARSED, "c/c/LJ001-0005": Reason.AUDIO_MISSING,
        },
    ),
    "vctk": CorpusTree(
        audio=(
            "wav48_silence_trimmed/p225/p225_001_mic1.flac", "wav48_silence_trimmed/p280/p280_001_mic1.flac",
            "wav48_silence_trimmed/s5/s5_001_mic1.flac", "wav48_silence_trimmed/p315/p315_001_mic1.flac", "wav48/p226/p226_002.wav",
            "wav48_silence_trimmed/log.wav",
        ),
        ignored=("wav48_silence_trimmed/p225/p225_001_mic2.flac",),
        texts={
            "txt/p225/p225_001.txt": "Please call Stella.\n", "txt/p280/p280_001.txt": "Please call Stella.\n",
            "txt/s5/s5_001.txt": "Please call Stella.\n", "txt/p226/p226_002.txt": "Ask her to bring these things.\n",
            "speaker-info.txt": "ID  AGE  GENDER  ACCENTS  REGION COMMENTS \np225  23  F    English    Southern  England\n"
            "226  22  M    English    Surrey\np280  25  F    Unknown    France (mic2 files unavailable)\ns5   22  F    English\n",
        },
        found={
            "c/p225/p225_001": ("Please call Stella.", "unknown", "", "female", None, None),
            "c/p280/p280_001": ("Please call Stella.", "unknown", "", "female", None, None),
            "c/s5/s5_001": ("Please call Stella.", "unknown", "", "female", None, None),
            "c/p226/p226_002": ("Ask her to bring these things.", "unknown", "", "male", None, None),
        },
        faults={"c/p315/p315_001": Reason.TEXT_MISSING, "c/?/wav48_silence_trimmed/log.wav": Reason.NAME_UNPARSED},
        language="en-gb",
    ),
    "libritts": CorpusTree(
        audio=(
            "train-clean-100/103/1241/103_1241_000000_000001.wav", "dev-other/116/288045/116_288045_000003_000000.wav",
            "test-clean/1089/134686/1089_134686_000001_000001.wav", "train-other-500/20/205/20_205_000000_000000.wav",
            "train-clean-100/103/1241/104_1241_000000_000001.wav", "music-clean/1/2/1_2_000000_000000.wav",
        ),
        texts={
            "train-clean-100/103/1241/103_1241_000000_000001.normalized.txt": "matthew Cuthbert is surprised",
            "train-clean-100/103/1241/103_1241_000000_000001.original.txt": "matthew Cuthbert is surprised",
            "dev-other/116/288045/116_288045_000003_000000.normalized.txt": "The PLACE was quiet.",
            "test-clean/1089/134686/1089_134686_000001_000001.normalized.txt": "He hoped there would be stew.",
            "speakers.tsv": "READER\tGENDER\tSUBSET\tNAME\n103\tF\ttrain-clean-100\tKaren\n116\tM\tdev-other\tRay\n",
        },
        found={
            "c/103/103_1241_000000_000001": ("matthew Cuthbert is surprised", "unknown", "", "female", None, "train"),
            "c/116/116_288045_000003_000000": ("The PLACE was quiet.", "unknown", "", "male", None, "validation"),
            "c/1089/1089_134686_000001_000001": ("He hoped there would be stew.", "unknown", "", "unknown", None, "test"),
        },
        faults={
            "c/20/20_205_000000_000000": Reason.TEXT_MISSING,
            "c/?/train-clean-100/103/1241/104_1241_000000_000001.wav": Reason.NAME_UNPARSED,
            "c/?/music-clean/1/2/1_2_000000_000000.wav": Reason.NAME_UNPARSED,
        },
    ),
    "huggingface": CorpusTree(
        audio=("train/EB0_anger_1.wav", "train/a/EB0_fear_2.wav", "test/MP0_sadness_3.flac", "valid/x.wav", "train/stray.wav",
            "train/twice.wav"),
        texts={
            "train/metadata.jsonl": "\n".join(
                json.dumps(row)
                for row in (
                    {"file_name": "EB0_anger_1.wav", "text": "Raz, dwa.", "speaker_id": "EB0", "emotion": "anger", "gender": "female"},
                    {"file_name": "a/EB0_fear_2.wav", "text": "Trzy.", "speaker_id": "EB0", "emotion": None, "gender": "F"},
                    {"file_name": "twice.wav", "text": "One."},
                    {"file_name": "twice.wav", "text": "Two."},
                    {"file_name": "gone.wav", "text": "Gone.", "speaker_id": "EB0"},
                    {"file_name": "../../out.wav", "text": "Out."},
                )
            )
            + "\nno json\n",
            "metadata.csv": 'file_name,transcription,speaker\ntest/MP0_sadness_3.flac,"Four, five.",MP0\nvalid/x.wav,Six.,MP0\n',
        },
        found={
            "c/EB0/EB0_anger_1": ("Raz, dwa.", "angry", "anger", "female", None, "train"),
            "c/EB0/EB0_fear_2": ("Trzy.", "unknown", "", "female", None, "train"),
            "c/MP0/MP0_sadness_3": ("Four, five.", "unknown", "", "unknown", None, "test"),
            "c/MP0/x": ("Six.", "unknown", "", "unknown", None, "validation"),
        },
        faults={
            "c/?/train/stray.wav": Reason.TEXT_MISSING,
            "c/speaker/twice": Reason.TEXT_MISSING,
            "c/EB0/gone": Reason.AUDIO_MISSING,
            "c/?/train/../../out.wav": Reason.PATH_OUTSIDE_ROOT,
            "c/?/train/metadata.jsonl:7": Reason.TEXT_UNREADABLE,
        },
        language="pl",
    ),
    "folder": CorpusTree(
        audio=("ann/a.wav", "ann/deep/b.ogg", "c.flac", "bob/d.wav"),
        texts={"ann/a.txt": "One.", "ann/deep/b.lab": "Two.", "c.txt": "Three."},
        found={
            "c/ann/a": ("One.", "unknown", "", "unknown", None, None),
            "c/ann/b": ("Two.", "unknown", "", "unknown", None, None),
            "c/speaker/c": ("Three.", "unknown", "", "unknown", None, None),
        },
        faults={"c/bob/d": Reason.TEXT_MISSING},
    ),
}  # fmt: skip
