"""The F0 extractors that `params.yaml` can name. A new one is a file here, its line in `EXTRACTORS`, and a test."""

from pipeline.extractors.ac_voiced import ac_voiced
from pipeline.extractors.extractor import Extractor
from pipeline.extractors.praat import praat_ac
from pipeline.extractors.swift import swift_f0
from pipeline.extractors.world import dio, harvest
from schemas.params import ExtractorName

EXTRACTORS: dict[ExtractorName, Extractor] = {
    "ac_voiced": Extractor(ac_voiced, "scipy"),
    "praat_ac": Extractor(praat_ac, "praat-parselmouth"),
    "dio": Extractor(dio, "pyworld"),
    "harvest": Extractor(harvest, "pyworld"),
    "swift_f0": Extractor(swift_f0, "swift-f0"),
}
