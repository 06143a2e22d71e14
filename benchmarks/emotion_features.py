"""Statistics and classifiers that recognise emotions, compared.

``python -m benchmarks.emotion_features --data data --corpus demo --root data/corpora/demo --split train``. Compared on real recordings
alone: the statistics of `workflows.emotion_classifier` against openSMILE's eGeMAPS functionals (`pip install opensmile`; its licence is
for research, so it is no part of the pipeline), by several classifiers of scikit-learn, each speaker's mean taken away or not. Folds hold
sentences that were not learned on, or speakers.
"""

import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pipeline import audio, shards
from schemas.params import Params, load_params
from schemas.tables.utterances import UTTERANCES
from workflows.emotion_classifier import Vector
from workflows.real_speech import described


def classifiers() -> dict[str, Any]:
    """Name and a new classifier."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    logistic = {f"logistic, C {c:g}": make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=5000)) for c in (0.01, 0.1, 1.0)}
    vector = {f"SVM (RBF), C {c:g}": make_pipeline(StandardScaler(), SVC(C=c)) for c in (1.0, 10.0)}
    return {**logistic, **vector, "LDA, shrinkage": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")}


def accuracy(statistics: Vector, emotions: Vector, groups: Vector, classifier: Any) -> float:
    """Share of clips recognised in five folds (or as many as there are groups) that hold other groups."""
    from sklearn.base import clone
    from sklearn.model_selection import GroupKFold

    right = np.zeros(len(emotions), bool)
    for learned, held_out in GroupKFold(min(5, len(np.unique(groups)))).split(statistics, emotions, groups):
        found = clone(classifier).fit(statistics[learned], emotions[learned]).predict(statistics[held_out])
        right[held_out] = found == emotions[held_out]
    return float(right.mean())


def centred(statistics: Vector, speakers: Vector) -> Vector:
    """Statistics less their speaker's mean."""
    return statistics - np.stack([statistics[speakers == name].mean(0) for name in speakers])


def main(
    data: Annotated[Path, typer.Option(help="folder with ingest and extract")],
    corpus: Annotated[str, typer.Option(help="the corpus")],
    root: Annotated[Path, typer.Option(help="its recordings")],
    split: Annotated[str | None, typer.Option(help="train | validation | test; default: all")] = None,
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Print a table of accuracies."""
    import opensmile

    warnings.simplefilter("ignore")
    hop_s = load_params(params, Params).frames.grid().hop_s
    columns = ["utterance_id", "speaker", "emotion", "text", "split", "mel_ln", "f0_hz", "energy_db"]
    rows = [row for row in shards.iter_rows(shards.shard_paths(data / "extract" / corpus), columns) if split in (None, row["split"])]
    table = shards.read_table(data / "ingest" / corpus / "utterances.parquet", UTTERANCES, ["utterance_id", "audio_path"])
    path_of = {row["utterance_id"]: root / row["audio_path"] for row in table.to_pylist()}
    smile = opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals)
    started = time.process_time()
    ours = np.stack([described(row, hop_s) for row in rows])
    between = time.process_time()
    theirs = np.stack([smile.process_signal(audio.load(path_of[row["utterance_id"]], 16000), 16000).to_numpy()[0] for row in rows])
    print(f"{len(rows)} clips; CPU-ms a clip: ours {1000 * (between - started) / len(rows):.1f} (from tracks that are there), "
          f"eGeMAPS {1000 * (time.process_time() - between) / len(rows):.1f}")  # fmt: skip
    emotions, speakers, texts = (np.array([row[name] for row in rows]) for name in ("emotion", "speaker", "text"))
    print("| statistics | speaker's mean | folds by | " + " | ".join(classifiers()) + " |\n|---|---|---|" + "---|" * len(classifiers()))
    for name, statistics in (("ours", ours), ("eGeMAPS", theirs)):
        for mean, used in (("kept", statistics), ("taken away", centred(statistics, speakers))):
            for folds, groups in (("sentence", texts), ("speaker", speakers)):
                cells = [f"{accuracy(used, emotions, groups, classifier):.3f}" for classifier in classifiers().values()]
                print(f"| {name} | {mean} | {folds} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    typer.run(main)
