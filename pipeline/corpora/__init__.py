"""Readers of corpus folders, one module a layout. `docs/corpora/` says what each expects and how to write another."""

from pipeline.corpora.crema_d import CREMA_D
from pipeline.corpora.emodb import EMODB
from pipeline.corpora.emotale import EMOTALE
from pipeline.corpora.emov_db import EMOV_DB
from pipeline.corpora.entries import Adapter, Candidate, Entry, Fault
from pipeline.corpora.esd import Esd
from pipeline.corpora.folder import Folder
from pipeline.corpora.huggingface import HuggingFace
from pipeline.corpora.jl_corpus import JL_CORPUS
from pipeline.corpora.libritts import LIBRITTS
from pipeline.corpora.ljspeech import LjSpeech
from pipeline.corpora.nemo import NEMO
from pipeline.corpora.ravdess import RAVDESS
from pipeline.corpora.savee import SAVEE
from pipeline.corpora.tess import TESS
from pipeline.corpora.vctk import VCTK
from schemas.params import AdapterName

__all__ = ["ADAPTERS", "Adapter", "Candidate", "Entry", "Fault"]

ADAPTERS: dict[AdapterName, Adapter] = {
    "esd": Esd(),
    "emodb": EMODB,
    "ravdess": RAVDESS,
    "crema_d": CREMA_D,
    "emov_db": EMOV_DB,
    "savee": SAVEE,
    "tess": TESS,
    "jl_corpus": JL_CORPUS,
    "nemo": NEMO,
    "emotale": EMOTALE,
    "ljspeech": LjSpeech(),
    "vctk": VCTK,
    "libritts": LIBRITTS,
    "huggingface": HuggingFace(),
    "folder": Folder(),
}
