"""What training tells while it runs: the loss curve and pictures (DVC plots by dvclive) and the progress line."""

import io
import shutil
import sys
import time
from pathlib import Path

import rich.progress
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

_LOG_EVERY_STEPS = 50


class Curve:
    """The loss curve, also as DVC plots: ``plots/metrics/<split>/<loss>.tsv`` under the folder, kept by dvclive.

    The points travel in the resume checkpoint and are written anew at a start, so a stop between checkpoints leaves no double lines.
    """

    def __init__(self, folder: Path, points: dict[str, list[list[float]]]) -> None:
        from dvclive.live import Live  # imports dvc, 1 s: only when the stage runs

        self.points: dict[str, list[list[float]]] = {}
        shutil.rmtree(folder / "plots" / "metrics", ignore_errors=True)
        (folder / "metrics.json").unlink(missing_ok=True)
        # Not resumed, dvclive would remove the pictures as well.
        self.live = Live(dir=str(folder), resume=True, save_dvc_exp=False, dvcyaml=None, report=None)
        for step, name, value in sorted((int(step), name, value) for name, pairs in points.items() for step, value in pairs):
            self._write(name, step, value)

    def add(self, split: str, step: int, losses: dict[str, float]) -> None:
        """Add a point to the curve of each loss, and of their sum, `total`."""
        for name, value in {**losses, "total": sum(losses.values())}.items():
            self._write(f"{split}/{name}", step, value)

    def add_image(self, name: str, png: bytes) -> None:
        """Keep a picture as ``plots/images/<name>`` under the folder."""
        from PIL import Image

        self.live.log_image(name, Image.open(io.BytesIO(png)))

    def images(self) -> list[Path]:
        """Pictures that are there, ``<utterance>/<step>.png``."""
        return sorted((Path(self.live.plots_dir) / "images").glob("*/*.png"))

    def latest(self, split: str) -> dict[str, float]:
        """The last point of each loss."""
        return {name.removeprefix(f"{split}/"): pairs[-1][1] for name, pairs in self.points.items() if name.startswith(f"{split}/")}

    def close(self) -> None:
        """End dvclive; its summary beside the plots would be taken for a plot, and `metrics` has these numbers."""
        self.live.end()  # type: ignore[no-untyped-call]
        Path(self.live.metrics_file).unlink(missing_ok=True)

    def _write(self, name: str, step: int, value: float) -> None:
        self.points.setdefault(name, []).append([step, value])
        self.live.step = step
        self.live.log_metric(name, value)


class Progress:
    """A bar on a terminal; in a log, a plain line every `_LOG_EVERY_STEPS` steps."""

    def __init__(self, first_step: int, max_steps: int) -> None:
        self.first_step, self.max_steps, self.started_s = first_step, max_steps, time.monotonic()
        self.bar: rich.progress.Progress | None = None
        if sys.stderr.isatty():
            columns = ("train", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self.bar = rich.progress.Progress(*columns, console=Console(stderr=True))
            self.bar.add_task("", total=max_steps, completed=first_step)
            self.bar.start()

    def show(self, step: int, losses: dict[str, float]) -> None:
        """Tell of a step that has ended."""
        numbers = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=step, description=numbers)
        elif step % _LOG_EVERY_STEPS == 0 or step == self.max_steps:
            rate = (step - self.first_step) / max(self.minutes * 60, 1e-9)
            left_min = (self.max_steps - step) / rate / 60
            print(
                f"train: step {step}/{self.max_steps}, {numbers}, {rate:.2f} steps/s, {left_min:.1f} min left", file=sys.stderr, flush=True
            )

    @property
    def minutes(self) -> float:
        """Wall time since the start."""
        return (time.monotonic() - self.started_s) / 60

    def close(self) -> None:
        """Take the bar down."""
        if self.bar is not None:
            self.bar.stop()
