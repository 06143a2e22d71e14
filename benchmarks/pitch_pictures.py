"""Look at F0: ``python -m benchmarks.pitch_pictures --egg FOLDER --textgrids FOLDER --out FOLDER``.

One PNG a clip: mel spectrogram of the microphone with phones, the F0 of each extractor over the laryngograph's two references, energy.
"""

from pathlib import Path
from typing import Annotated

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes

from benchmarks.laryngograph import Clip, fixed, read_clips, speakers_limits
from pipeline.aligners.textgrid import read_textgrid
from pipeline.energy import frame_energy_db
from pipeline.extractors.registry import EXTRACTORS
from pipeline.mel import log_mel
from schemas.params import Params, load_params


def draw(clip: Clip, params: Params, limits: tuple[float, float], textgrid: Path, out: Path) -> None:
    """One picture."""
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(18, 13), sharex=True, height_ratios=(3, 5, 1.5), layout="constrained")
    times_s = clip.grid.centres_s(len(clip.cycles_hz))
    top.imshow(
        log_mel(clip.samples, clip.grid, n_mels=40, f_min_hz=0, f_max_hz=8000, amplitude_floor=1e-4).T,
        origin="lower", aspect="auto", extent=(0, clip.duration_s, 0, 40),
    )  # fmt: skip
    _phones(top, textgrid)
    middle.plot(times_s, clip.cycles_hz, color="0.6", lw=7, label="laryngograph, cycles")
    middle.plot(times_s, clip.autocorrelation_hz, color="gold", lw=3.5, label="laryngograph, autocorrelation")
    for at, name in enumerate(EXTRACTORS):
        track = fixed([clip], params.pitch.model_copy(update={"extractor": name}), *limits)[0]
        middle.plot(times_s, track * 1.06**at, ".", ms=3, label=name + (f", drawn {6 * at} % up" if at else ""))
    middle.fill_between(times_s, 0, 1, where=clip.undecided, transform=middle.get_xaxis_transform(), color="red", alpha=0.1)
    middle.set(yscale="log", ylim=limits, ylabel="Hz", title=f"{clip.name}, limits {limits[0]:g} to {limits[1]:g} Hz")
    middle.legend(loc="upper right", ncols=3, fontsize=8)
    bottom.plot(times_s, frame_energy_db(clip.samples, clip.grid, floor_db=params.energy.floor_db))
    bottom.set(ylabel="dB", xlabel="s")
    figure.savefig(out / f"{clip.name}.png", dpi=60)
    plt.close(figure)


def _phones(axes: Axes, textgrid: Path) -> None:
    if not textgrid.is_file():
        return
    for interval in next(iter(read_textgrid(textgrid).values())):
        axes.axvline(interval.start_s, color="w", lw=0.5)
        axes.text((interval.start_s + interval.end_s) / 2, 37, interval.label, color="w", ha="center", fontsize=8)


def main(
    egg: Annotated[Path, typer.Option(help="folder of two-channel recordings: microphone, laryngograph")],
    textgrids: Annotated[Path, typer.Option(help="folder of TextGrids of the same names")],
    out: Annotated[Path, typer.Option(help="folder for the pictures")],
    limit: Annotated[int, typer.Option(help="files to take, evenly over their names")] = 10,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Draw some clips."""
    given = load_params(params, Params)
    clips = read_clips(egg, None, given.pitch)
    limits = speakers_limits(clips, given.pitch)
    out.mkdir(parents=True, exist_ok=True)
    for clip in clips[:: max(1, len(clips) // limit)][:limit]:
        draw(clip, given, limits[clip.speaker], textgrids / f"{clip.name}.TextGrid", out)
    print(f"pictures in {out}")


if __name__ == "__main__":
    typer.run(main)
