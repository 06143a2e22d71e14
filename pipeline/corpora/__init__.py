"""Readers of corpus folders, one module a layout. `docs/corpora.md` says what each expects and how to write another."""

from pipeline.corpora.emodb import EmoDb
from pipeline.corpora.entries import Adapter, Candidate, Entry, Fault
from pipeline.corpora.esd import Esd
from pipeline.corpora.folder import Folder
from pipeline.corpora.ljspeech import LjSpeech
from schemas.params import AdapterName

__all__ = ["ADAPTERS", "Adapter", "Candidate", "Entry", "Fault", "adapter_named"]

ADAPTERS: dict[AdapterName, Adapter] = {"esd": Esd(), "emodb": EmoDb(), "ljspeech": LjSpeech(), "folder": Folder()}


def adapter_named(name: AdapterName) -> Adapter:
    """The adapter that `corpora.<corpus>.adapter` names; params.yaml's check has made sure that there is one."""
    return ADAPTERS[name]
