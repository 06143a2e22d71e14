"""`espressivo doctor`: what is installed, what is missing, and how to get it."""

import configparser
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from pipeline.aligners.mfa import find_program
from pipeline.text.espeak import pronounce
from schemas.errors import EspressivoError
from schemas.params import Params, load_params
from workflows.judges import JUDGES
from workflows.say import PLAYERS

State = Literal["ok", "missing", "optional"]
_SIGNS = {"ok": "[green]✓[/]", "missing": "[red]✗[/]", "optional": "[yellow]–[/]"}
_EXTRAS = {
    "swift_f0": ("pitch.extractor: swift_f0", "pip install swift-f0"),
    "s3fs": ("corpora and remotes on S3", "pip install s3fs dvc-s3"),
}


@dataclass(frozen=True)
class Finding:
    """One thing looked for: `missing` stops something that the parameters ask for, `optional` does not."""

    what: str
    state: State
    detail: str
    cure: str = ""


def doctor(
    project: Annotated[Path, typer.Option(help="folder with dvc.yaml")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for machines")] = False,
) -> None:
    """What is installed, what is missing, and how to get it; code 1 if something that the parameters ask for is missing."""
    found = list(findings(project))
    if as_json:
        print(json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for finding in found:
            console.print(f"{_SIGNS[finding.state]} [bold]{finding.what}[/]: {finding.detail}")
            if finding.cure:
                console.print(f"    {finding.cure}")
    if any(finding.state == "missing" for finding in found):
        raise typer.Exit(1)


def findings(project: Path) -> Iterator[Finding]:
    """All that is looked for, in an order to mend it in."""
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.system()}, {os.cpu_count()} cores")
    yield _program("git", "sudo apt-get install git")
    yield _program("dvc", "pip install dvc, in this project's virtual environment; and activate that", package="dvc")
    yield _params(project)
    yield _espeak()
    yield _package("pocketsphinx", "pocketsphinx", "the default aligner", "pip install pocketsphinx")
    yield _mfa(project)
    yield _gpu()
    yield _vocoder(project)
    yield from _vocoder_packages()
    yield _remote(project)
    yield from (_optional(module, *told) for module, told in _EXTRAS.items())
    yield from _judges()
    yield _player()
    yield _model(project)
    yield _features(project)


def _params(project: Path) -> Finding:
    return _tried("params.yaml", lambda: f"corpora {', '.join(load_params(project / 'params.yaml', Params).corpora)}")


def _program(name: str, cure: str, package: str | None = None) -> Finding:
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))  # the environment may not be active
    number = f" {version(package)}" if package and path else ""
    return Finding(name, "ok", f"{path}{number}") if path else Finding(name, "missing", "not on PATH", cure)


def _package(what: str, package: str, use: str, cure: str) -> Finding:
    try:
        return Finding(what, "ok", f"{version(package)}, {use}")
    except PackageNotFoundError:
        return Finding(what, "missing", f"not installed: {use}", cure)


def _optional(module: str, use: str, cure: str) -> Finding:
    found = find_spec(module) is not None
    return Finding(module, "ok", use) if found else Finding(module, "optional", f"not installed, needed for {use}", cure)


def _espeak() -> Finding:
    def said() -> str:
        phones = " ".join(phone for token in pronounce("espresso", "en-us") for phone in token)
        return f"{version('espeakng_loader')} of espeakng-loader, says {phones}"

    return _tried("espeak-ng", said)


def _mfa(project: Path) -> Finding:
    try:
        params = load_params(project / "params.yaml", Params)
        asked = any(corpus.aligner == "mfa" for corpus in params.corpora.values())
        return _tried("mfa", lambda: str(find_program(params.align.mfa.command)), "missing" if asked else "optional")
    except EspressivoError:
        return Finding("mfa", "optional", "not looked for: params.yaml cannot be read")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", "ok", f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    built = torch.version.cuda is not None
    cure = "check the driver with nvidia-smi" if built else "with an NVIDIA GPU: make setup TORCH=default"
    return Finding("GPU", "optional", f"none that torch {torch.__version__} can use; training and synthesis run on the CPU", cure)


def _vocoder(project: Path) -> Finding:
    from workflows.vocoders import vocoder_identity

    def named() -> str:
        return vocoder_identity(load_params(project / "params.yaml", Params).synthesize)

    return _tried("vocoder", named)


def _vocoder_packages() -> Iterator[Finding]:
    from workflows.vocoders import bigvgan, vocos

    for module, cure in (("vocos", vocos.INSTALL), ("bigvgan", bigvgan.INSTALL)):
        yield _optional(module, f"synthesize.vocoder: {module} with weights of yours", cure)


def _judges() -> Iterator[Finding]:
    for name, judge in JUDGES.items():
        missing = ", ".join(judge.missing())
        cure = judge.install if missing else ""
        yield Finding(name, "optional" if missing else "ok", f"a judge of evaluate{missing and f'; not installed: {missing}'}", cure)


def _remote(project: Path) -> Finding:
    config = configparser.ConfigParser()
    config.read([project / ".dvc" / "config", project / ".dvc" / "config.local"], encoding="utf-8")
    urls = [f"{name.strip(chr(39)).split(chr(34))[1]} at {config[name].get('url', '?')}" for name in config.sections() if "remote" in name]
    cure = "dvc remote add -d store /mnt/store, or s3://bucket/prefix (docs/storage.md); needed for dvc push and pull alone"
    return Finding("DVC remote", "ok", ", ".join(urls)) if urls else Finding("DVC remote", "optional", "none", cure)


def _player() -> Finding:
    found = next((path for name, *_ in PLAYERS if (path := shutil.which(name))), None)
    cure = "sudo apt-get install ffmpeg"
    return Finding("player", "ok", found) if found else Finding("player", "optional", "none, needed for espressivo say --play", cure)


def _model(project: Path) -> Finding:
    from workflows.checkpoint import read_header  # torch, 3 s: no other command is to wait for it
    from workflows.dataset import vocabulary_from

    def known() -> str:
        vocabulary = vocabulary_from(read_header(project / "models" / "tts.safetensors")[0]["vocabulary"])
        return f"speakers {', '.join(vocabulary.speakers)}; emotions {', '.join(vocabulary.emotions)}"

    return _tried("model", known, "optional")


def _features(project: Path) -> Finding:
    found = sorted(path.parent.name for path in (project / "data" / "extract").glob("*/recipe.json"))
    cure = "dvc repro, or dvc pull"
    return Finding("features", "ok", ", ".join(found)) if found else Finding("features", "optional", "none in data/extract", cure)


def _tried(what: str, look: Callable[[], str], otherwise: State = "missing") -> Finding:
    """What `look` says, or the error that it met; errors of ours say what to do."""
    try:
        return Finding(what, "ok", look())
    except (EspressivoError, OSError, ImportError, KeyError) as error:
        return Finding(what, otherwise, str(error))
