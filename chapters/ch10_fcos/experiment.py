"""What chapter 10 measures, on drawn scenes.

    python -m chapters.ch10_fcos.experiment weights     # trains the FCOS that ships, data/detectors/fcos.npz
    python -m chapters.ch10_fcos.experiment detectors   # measures it on the test scenes of chapters 8 to 10
    python -m chapters.ch10_fcos.experiment compare     # levels, centre-ness, anchors and ranges, by seed

The last two write what they measured into ``results.json``, which the notebook reads and plots. ``compare``
keeps what is stored; remove a row to measure it anew.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from chapters.ch10_fcos import taught
from course_utils.backbones import (
    DETECTOR_STEPS,
    build_detection_trunk,
    load_weights,
    multiply_adds,
    save_backbone,
    start_from_trunk,
)
from course_utils.detection import (
    Detections,
    DetectorResult,
    average_precision,
    detector_result,
)
from course_utils.paths import shipped_data
from course_utils.results import read_results, run_experiment
from course_utils.scenes import Difficulty, Scene, SceneSet, load_scenes, shared_scenes

RESULTS = Path(__file__).with_name("results.json")
WEIGHTS = shipped_data() / "detectors" / "fcos.npz"
SEEDS = (1, 2, 3, 4, 5)
SEED = 1
"""Of the detector that ships."""
BATCH, RATE = 16, 3e-3

Array = npt.NDArray[Any]


# Training


def mirrored(scene: Scene) -> Scene:
    """Swaps left and right."""
    boxes = scene.boxes.copy()
    boxes[:, [0, 2]] = scene.image.shape[1] - scene.boxes[:, [2, 0]]
    return Scene(scene.image[:, ::-1], boxes, scene.labels, scene.semantic[:, ::-1], scene.instances[:, ::-1])


def upside_down(scene: Scene) -> Scene:
    """Swaps top and bottom."""
    boxes = scene.boxes.copy()
    boxes[:, [1, 3]] = scene.image.shape[0] - scene.boxes[:, [3, 1]]
    return Scene(scene.image[::-1], boxes, scene.labels, scene.semantic[::-1], scene.instances[::-1])


def schedule(steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Warms up over a twelfth of the steps, then falls along a cosine."""
    warm = max(1, steps // 12)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warm, warmup_target=RATE, warmup_steps=warm)


def prepare(model: keras.Model, loss: Callable[..., Any], steps: int) -> None:
    """Compiles a detector for a training of so many steps."""
    optimizer = keras.optimizers.AdamW(schedule(steps), weight_decay=1e-4)
    model.compile(optimizer, loss=loss, jit_compile=False)
    optimizer.build(model.trainable_variables)


def start_anew(model: keras.Model, weights: Sequence[Array]) -> None:
    """Gives a compiled model weights, and an optimizer without memory; what is traced stays."""
    model.set_weights(weights)
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(ops.zeros_like(variable))


def fit(
    model: keras.Model,
    scenes: Sequence[Scene],
    targets: Callable[[Scene], Array],
    steps: int,
    seed: int,
    verbose: int = 0,
) -> None:
    """Trains a compiled detector on scenes and their mirror images.

    Args:
        model: A model of the lesson's ``detector``.
        scenes: The scenes.
        targets: Gives a scene's targets.
        steps: Number of batches; what is left of an epoch after whole batches is left out.
        seed: Of the order.
        verbose: As Keras has it.
    """
    both = [*scenes, *map(mirrored, scenes)]
    images = np.stack([scene.image for scene in both])
    wanted = np.stack([targets(scene) for scene in both])
    rng = np.random.default_rng(seed)
    while steps > 0:
        now = min(steps, max(1, len(both) // BATCH))
        order = rng.permutation(len(both))[: now * BATCH]
        model.fit(images[order], wanted[order], batch_size=BATCH, verbose=verbose)
        steps -= now


# The detector that ships


def trained_fcos() -> keras.Model:
    """Builds FCOS with the weights that ship."""
    return load_weights(taught.detector(), WEIGHTS)


def train_weights() -> None:
    """Trains FCOS on the shared training scenes and writes its weights."""
    keras.utils.set_random_seed(SEED)
    model, scenes = start_from_trunk(taught.detector()), shared_scenes("train").scenes
    prepare(model, taught.fcos_loss, DETECTOR_STEPS)
    fit(model, [*scenes, *map(upside_down, scenes)], taught.fcos_targets, DETECTOR_STEPS, SEED, verbose=2)
    save_backbone(model, WEIGHTS)


def found_in(
    outputs: Array, points: Array, scoring: str = "learnt", most: int = 100, threshold: float = 0.01
) -> list[Detections]:
    """Turns a detector's outputs into detections.

    Args:
        outputs: For each image, as the lesson's ``detector`` gives them.
        points: Place of each row.
        scoring: What the class probability is multiplied by: ``"none"``, the ``"learnt"`` centre-ness, or the
            one ``"computed"`` from the predicted distances.
        most: Boxes of an image that NMS looks at.
        threshold: Least score.

    Returns:
        Detections of each image.
    """
    found = []
    for output in outputs:
        boxes, classes, learnt = taught.decode(output, points)
        if scoring == "computed":
            learnt = np.array(taught.centred(output[:, taught.CLASSES : -1]))[:, None]
        scores = classes if scoring == "none" else classes * learnt
        found.append(taught.detections(boxes, scores, threshold=threshold, most=most))
    return found


def predicted(model: keras.Model, scenes: SceneSet) -> Array:
    """Computes a detector's outputs for all images."""
    return np.asarray(model.predict(scenes.images, batch_size=50, verbose=0))


def median_seconds(function: Callable[[Array], Any], images: Array) -> float:
    """Times a function of a batch of one; the first call is not counted."""
    seconds = []
    for image in images:
        started = time.perf_counter()
        function(image[None])
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def detector_results() -> Iterator[DetectorResult]:
    """Measures the detector that ships on the shared test scenes."""
    model, scenes = trained_fcos(), shared_scenes("test")
    points, _ = taught.grid_points(scenes.images.shape[1])
    trunk = build_detection_trunk()
    images = scenes.images[:60].astype("float32")
    seconds = median_seconds(lambda image: found_in(model.predict_on_batch(image), points), images)
    trunk_seconds = median_seconds(trunk.predict_on_batch, images / 127.5 - 1)
    yield detector_result(
        "FCOS",
        SEED,
        found_in(predicted(model, scenes), points),
        scenes.scenes,
        taught.CLASSES,
        seconds=seconds,
        trunk_seconds=trunk_seconds,
        parameters=model.count_params(),
        multiply_adds=multiply_adds(model, (1, *scenes.images.shape[1:])),
    )


def stored_detectors() -> list[DetectorResult]:
    """Reads what ``detectors`` measured."""
    return [DetectorResult(**row) for row in read_results(RESULTS, "detectors")]


# Levels, centre-ness, anchors and ranges, on smaller scenes


SMALL = 64
"""Pixels across the scenes of the comparison, so that it can be repeated with several seeds."""
SHORT = 1000
"""Steps of each training."""
THIN = 24
"""Channels of the towers."""
USUAL = Difficulty(objects=(1, 5))
SCENES = {
    "usual": USUAL,
    "small": USUAL._replace(sizes=(0.08, 0.16)),
    "large": USUAL._replace(objects=(1, 2), sizes=(0.5, 0.8)),
}
"""Scenes of the sizes that were trained on, of smaller and of larger things."""

BASE_RANGES = ((0, 8), (8, 16), (16, np.inf))
"""Ranges of the levels for scenes of 64 pixels: those of 96 pixels, scaled."""


class Variant(NamedTuple):
    """A detector of the comparison.

    Attributes:
        title: What the chapter calls it.
        strides: Of its levels.
        ranges: Of its levels, where it has no anchors.
        base: Side of the smallest anchor of a level in strides, where it has anchors.
    """

    title: str
    strides: tuple[int, ...] = taught.STRIDES
    ranges: tuple[tuple[float, float], ...] = BASE_RANGES
    base: float | None = None


def stretched(factor: float) -> tuple[tuple[float, float], ...]:
    """Scales the ranges of the levels."""
    return tuple((low * factor, high * factor) for low, high in BASE_RANGES)


VARIANTS = {
    "fcos": Variant("FCOS、3 つの段"),
    "one level": Variant("FCOS、1 つの段 (stride 8)", (8,), ((0, np.inf),)),
    "anchors": Variant("アンカー、基準の大きさ", base=2),
    "anchors half": Variant("アンカー、半分の大きさ", base=1),
    "anchors double": Variant("アンカー、2 倍の大きさ", base=4),
    "fcos half": Variant("FCOS、半分の範囲", ranges=stretched(0.5)),
    "fcos double": Variant("FCOS、2 倍の範囲", ranges=stretched(2)),
}


def anchor_sides(raw: Any, stride: int, base: float) -> Any:
    """Turns shifts and log sizes, as seen from a level's anchors, into distances from the anchors' middle."""
    parts = layers.Reshape((-1, len(taught.SCALES), 4))(raw)
    side = np.array(taught.SCALES, "float32")[:, None] * stride * base
    shift, half = parts[..., :2] * side, ops.exp(ops.clip(parts[..., 2:], -4, 4)) * side / 2
    return layers.Reshape((-1, 4))(ops.concatenate([half - shift, half + shift], axis=-1))


def anchor_loss(target: Any, output: Any) -> Any:
    """The lesson's loss without centre-ness."""
    return taught.fcos_loss(target, output, centerness=False)


@cache
def scenes_of(kind: str) -> SceneSet:
    """Draws scenes of the comparison: ``"train"``, or a key of :data:`SCENES`."""
    if kind == "train":
        return load_scenes("drawn", 600, size=SMALL, seed=1001, difficulty=USUAL)
    return load_scenes("drawn", 150, size=SMALL, seed=1002, difficulty=SCENES[kind])


@dataclass
class Compared:
    """What one detector of the comparison found.

    Attributes:
        variant: A key of :data:`VARIANTS`.
        seed: Of its training.
        scoring: What the class probability is multiplied by; see :func:`found_in`.
        scenes: A key of :data:`SCENES`: where it was measured.
        ap: Mean over IoU 0.5 to 0.95.
        ap50: At IoU 0.5.
        ap75: At IoU 0.75.
    """

    variant: str
    seed: int
    scoring: str
    scenes: str
    ap: float
    ap50: float
    ap75: float


def built(name: str) -> tuple[keras.Model, Callable[[Scene], Array], Callable[..., Any], Array]:
    """Builds a variant with random weights.

    Returns:
        The model, what gives a scene's targets, the loss, and the place of each row of the outputs.
    """
    variant = VARIANTS[name]
    points, _ = taught.grid_points(SMALL, variant.strides)
    if variant.base is None:
        targets = partial(taught.fcos_targets, strides=variant.strides, ranges=variant.ranges)
        return taught.detector(variant.strides, channels=THIN), targets, taught.fcos_loss, points
    count = len(taught.SCALES)
    sides = partial(anchor_sides, base=variant.base)
    model = taught.detector(variant.strides, sides, count, channels=THIN)
    targets = partial(taught.anchor_targets, base=variant.base)
    return model, targets, anchor_loss, np.repeat(points, count, axis=0)


def measured(name: str, seeds: Sequence[int], steps: int = SHORT) -> Iterator[Compared]:
    """Trains a variant from the shared trunk with each seed and measures it."""
    model, targets, loss, points = built(name)
    prepare(model, loss, steps)
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        start_anew(model, start_from_trunk(built(name)[0]).get_weights())
        fit(model, scenes_of("train").scenes, targets, steps, seed)
        yield from list(scored(model, points, name, seed))


def scored(model: keras.Model, points: Array, name: str, seed: int) -> Iterator[Compared]:
    """Measures a trained variant with each scoring that it has, on other sizes by class probability alone."""
    scorings = ("none",) if VARIANTS[name].base else ("none", "learnt", "computed")
    for kind in SCENES:
        scenes = scenes_of(kind)
        outputs = predicted(model, scenes)
        for scoring in scorings if kind == "usual" else ("none",):
            found = found_in(outputs, points, scoring)
            scores = average_precision(found, scenes.scenes, taught.CLASSES)
            yield Compared(name, seed, scoring, kind, scores.ap, scores.ap50, float(scores.by_threshold[5]))


def compare_results() -> Iterator[Compared]:
    """Gives what is stored, then trains what is missing."""
    stored = stored_comparison()
    yield from stored
    done = {(row.variant, row.seed) for row in stored}
    for name in VARIANTS:
        missing = [seed for seed in SEEDS if (name, seed) not in done]
        if missing:
            yield from measured(name, missing)
            keras.backend.clear_session()


def stored_comparison() -> list[Compared]:
    """Reads what ``compare`` measured."""
    return [Compared(**row) for row in read_results(RESULTS, "compare")]


EXPERIMENTS: dict[str, Callable[[], Iterator[Any]]] = {
    "detectors": detector_results,
    "compare": compare_results,
}
"""What each name on the command line measures."""

if __name__ == "__main__":
    if sys.argv[1:] == ["weights"]:
        train_weights()
    else:
        run_experiment(__doc__, RESULTS, 10, EXPERIMENTS)
