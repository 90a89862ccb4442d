"""What chapter 9 measures: its detectors, trained and compared, and what cutting out regions costs.

    python -m chapters.ch09_mask_rcnn.experiment mask_rcnn      # trains it and writes data/detectors/mask_rcnn.npz
    python -m chapters.ch09_mask_rcnn.experiment faster_rcnn    # the same without the mask branch
    python -m chapters.ch09_mask_rcnn.experiment yolo
    python -m chapters.ch09_mask_rcnn.experiment alignment      # RoI pooling against RoI align, five seeds
    python -m chapters.ch09_mask_rcnn.experiment detectors      # the three weights on the test scenes
    python -m chapters.ch09_mask_rcnn.experiment conditions     # and on scenes with more things, overlap, size

Each command writes what it measured into ``results.json``, which the notebook reads and plots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers
from skimage.segmentation import felzenszwalb

from chapters.ch09_mask_rcnn import regions
from chapters.ch09_mask_rcnn.regions import (
    CLASSES,
    SIDE,
    Batch,
    as_batch,
    draw_batch,
    grid_cells,
    roi_pool,
    scaled,
)
from chapters.ch09_mask_rcnn.taught import (
    CHANNELS,
    MaskRCNN,
    align_regions,
    build_yolo,
    conv,
    draw_masks,
    find_boxes,
    find_by_yolo,
    grid_losses,
    make_step,
    mask_rcnn_losses,
    merged,
    propose,
)
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
    box_iou,
    detector_result,
    mask_iou,
)
from course_utils.paths import shipped_data
from course_utils.results import read_results, run_experiment
from course_utils.scenes import Difficulty, Scene, SceneSet, load_scenes, shared_scenes

RESULTS = Path(__file__).with_name("results.json")
WEIGHTS = shipped_data() / "detectors"
SEED, SEEDS = 1, (1, 2, 3, 4, 5)

Array = npt.NDArray[Any]

NAMES = {"faster_rcnn": "Faster R-CNN", "mask_rcnn": "Mask R-CNN", "yolo": "YOLO"}
"""Detectors by the name of their weights."""


# Training


@dataclass(frozen=True)
class Training:
    """Losses of a training, each the mean of so many steps.

    Attributes:
        detector: Name of the weights.
        seed: Its seed.
        step: Last of the steps.
        losses: The five losses.
    """

    detector: str
    seed: int
    step: int
    losses: list[float]


WARM_UP, RATE = 60, 3e-3


def build(name: str) -> keras.Model:
    """Builds a detector with random weights."""
    return build_yolo() if name == "yolo" else MaskRCNN(masks=name == "mask_rcnn")


def load_detector(name: str) -> keras.Model:
    """Builds a detector with the weights that ship."""
    return load_weights(build(name), WEIGHTS / f"{name}.npz")


def adamw(steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer of all detectors: AdamW, warm-up and cosine."""
    warm = min(WARM_UP, steps // 4)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warm, warmup_target=RATE, warmup_steps=warm)
    return keras.optimizers.AdamW(rate, weight_decay=1e-4)


def train(
    name: str, seed: int = SEED, steps: int | None = None, scenes: Batch | None = None
) -> Iterator[tuple[Training, keras.Model]]:
    """Trains a detector on the training scenes; yields the losses of 50 steps, and the model as it is then."""
    keras.utils.set_random_seed(seed)
    rng, steps = np.random.default_rng(seed), steps or DETECTOR_STEPS
    scenes = scenes or as_batch(shared_scenes("train").scenes)
    model = build(name)
    start_from_trunk(model if name == "yolo" else model.backbone)
    step = make_step(model, adamw(steps), grid_losses if name == "yolo" else mask_rcnn_losses)
    losses = []
    for number in range(1, steps + 1):
        batch = draw_batch(scenes, rng)
        losses.append(step(batch.images, grid_cells(batch)) if name == "yolo" else step(batch))
        if number % 50 == 0 or number == steps:
            yield Training(name, seed, number, np.mean(losses, axis=0).tolist()), model
            losses = []


def training_results(name: str) -> Callable[[], Iterator[Training]]:
    """Returns what trains a detector and writes its weights."""

    def results() -> Iterator[Training]:
        for result, model in train(name):
            save_backbone(model, WEIGHTS / f"{name}.npz")
            yield result

    return results


# Detecting


def finder(model: keras.Model) -> Callable[[Any], tuple[Any, ...]]:
    """Returns the graph that gives boxes, classes, scores and, with a mask branch, small masks."""

    def find(images: Any) -> tuple[Any, ...]:
        if not hasattr(model, "rpn"):
            return tuple(find_by_yolo(model, images))
        maps, boxes, labels, scores = find_boxes(model, images)
        if model.mask_branch is None:
            return boxes, labels, scores
        return boxes, labels, scores, draw_masks(model, maps, boxes, labels)

    return graph(find)


def graph(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function as TensorFlow's graph."""
    compiled: Callable[..., Any] = tf.function(function)
    return compiled


def detect(model: keras.Model, images: Array, batch: int = 50) -> list[Detections]:
    """Detects in images of 0 to 255."""
    find, found = finder(model), []
    for start in range(0, len(images), batch):
        for each in zip(*(part.numpy() for part in find(scaled(images[start : start + batch]))), strict=True):
            found.append(_detections(*each))
    return found


def _detections(boxes: Array, labels: Array, scores: Array, masks: Array | None = None) -> Detections:
    real = scores > 0
    drawn = None if masks is None else regions.paste(masks[real], boxes[real])
    return Detections(boxes[real], labels[real].astype(int), scores[real], drawn)


def seconds_an_image(models: Mapping[str, keras.Model], images: Array) -> dict[str, float]:
    """Measures the seconds from one image to its detections, in turns; median over the images.

    A network with a mask branch is measured without it under the name "Faster R-CNN".
    """
    ready = {}
    for name, model in models.items():
        without_masks = graph(partial(_boxes_alone, model))
        ready[name] = _detector(without_masks if name == "Faster R-CNN" else finder(model))
    taken: dict[str, list[float]] = {name: [] for name in models}
    for image in images:
        for name, run in ready.items():
            if not taken[name]:
                run(image)
            taken[name].append(_seconds(partial(run, image)))
    return {name: float(np.median(values)) for name, values in taken.items()}


def _boxes_alone(model: keras.Model, images: Any) -> tuple[Any, ...]:
    return tuple(find_boxes(model, images)[1:])


def _detector(find: Callable[[Any], tuple[Any, ...]]) -> Callable[[Array], Detections]:
    return lambda image: _detections(*(part.numpy()[0] for part in find(scaled(image[None]))))


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def typical(run: Callable[[], Any], times: int = 20) -> float:
    """Runs something once for nothing, and returns the median of the seconds after that."""
    run()
    return float(np.median([_seconds(run) for _ in range(times)]))


def time_parts(model: MaskRCNN, images: Array) -> dict[str, float]:
    """Measures the seconds of a detector's parts for one image, and of a segmentation in place of the RPN."""
    backbone = tf.function(lambda x: model.backbone(x, training=False))
    proposing = tf.function(lambda maps: propose(*model.rpn(maps, training=False))[0])
    boxing = tf.function(
        lambda maps, rois: model.box_branch(merged(align_regions(maps, rois)), training=False)
    )
    image = tf.constant(scaled(images[:1]))
    maps = backbone(image)
    rois = proposing(maps)
    parts = {
        "特徴マップ": typical(lambda: backbone(image)),
        "RPN と NMS": typical(lambda: proposing(maps)),
        "切り出しとボックスの枝": typical(lambda: boxing(maps, rois)),
    }
    if model.mask_branch is not None:
        boxes, labels = rois[:, :5], tf.zeros((1, 5), tf.int32)
        masking = tf.function(lambda maps: draw_masks(model, maps, boxes, labels))
        parts["マスクの枝 (5 個の箱)"] = typical(lambda: masking(maps))
    segmented = [_seconds(partial(felzenszwalb, each, scale=100, min_size=20)) for each in images]
    return {**parts, "領域分割 (RPN の代わり)": float(np.median(segmented))}


def alignment_cost(model: Any) -> dict[str, float]:
    """Measures the seconds of pooling and aligning 50 regions, and the share of align's multiply-adds.

    Bilinear interpolation multiplies four cells for each value that is read.
    """
    maps = tf.random.normal((1, SIDE // regions.STRIDE, SIDE // regions.STRIDE, CHANNELS))
    rois = tf.constant(random_boxes(1, 50), tf.float32)
    seconds = {}
    for name, cut in (("pool", roi_pool), ("align", align_regions)):
        seconds[name] = typical(partial(graph(cut), maps, rois), 40)
    adds = 4 * 50 * 7 * 7 * CHANNELS
    return {**seconds, "share": adds / (adds + detector_adds(model))}


def detector_adds(model: keras.Model) -> int:
    """Counts the multiply-adds of one image: 50 regions, and 30 masks, as many as there is room for boxes."""
    if not hasattr(model, "rpn"):
        return multiply_adds(model, (1, SIDE, SIDE, 3))
    cells = SIDE // regions.STRIDE
    total = multiply_adds(model.backbone, (1, SIDE, SIDE, 3)) + multiply_adds(
        model.rpn, (1, cells, cells, CHANNELS)
    )
    total += multiply_adds(model.box_branch, (50, 7, 7, CHANNELS))
    if model.mask_branch is not None:
        total += multiply_adds(model.mask_branch, (30, 7, 7, CHANNELS))
    return total


def detector_results() -> Iterator[DetectorResult]:
    """Measures the weights that ship on all test scenes."""
    test = shared_scenes("test")
    trunk = build_detection_trunk()
    forward = tf.function(lambda x: trunk(x, training=False))
    image = tf.constant(scaled(test.images[:1]))
    models = {name: load_detector(name) for name in NAMES}
    seconds = seconds_an_image({NAMES[name]: model for name, model in models.items()}, test.images[:100])
    for name, model in models.items():
        yield detector_result(
            NAMES[name],
            SEED,
            detect(model, test.images),
            test.scenes,
            CLASSES,
            seconds=seconds[NAMES[name]],
            trunk_seconds=typical(lambda: forward(image), 100),
            parameters=sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
            multiply_adds=detector_adds(model),
        )


# Other scenes


@dataclass(frozen=True)
class Condition:
    """A detector on scenes of another difficulty.

    Attributes:
        detector: Its name.
        knob: What was changed: "objects", "overlap" or "size".
        value: To what.
        things: Things in the 200 scenes.
        ap: AP.
        ap50: AP at IoU 0.5.
        recall50: Share of the things that a detection of their class overlaps with IoU 0.5.
    """

    detector: str
    knob: str
    value: float
    things: int
    ap: float
    ap50: float
    recall50: float


CONDITION_SEED = 904


def difficulties() -> Iterator[tuple[str, float, Difficulty]]:
    """Gives what is changed, to what, and the difficulty: one knob at a time."""
    for count in (2, 4, 6, 8, 10):
        yield "objects", count, Difficulty(objects=(count, count), sizes=(0.2, 0.3))
    for overlap in (0.0, 0.25, 0.5, 0.75):
        yield "overlap", overlap, Difficulty(objects=(8, 8), sizes=(0.25, 0.35), overlap=overlap)
    for size in (0.12, 0.17, 0.25, 0.35, 0.5):
        yield "size", size, Difficulty(objects=(3, 3), sizes=(size, size * 1.001), overlap=0.0)


def condition_results(count: int = 200) -> Iterator[Condition]:
    """Measures Faster R-CNN and YOLO on scenes of other difficulties."""
    models = {NAMES[name]: load_detector(name) for name in ("faster_rcnn", "yolo")}
    for knob, value, difficulty in difficulties():
        scenes = load_scenes("drawn", count, seed=CONDITION_SEED, difficulty=difficulty)
        things = sum(len(scene.labels) for scene in scenes.scenes)
        for name, model in models.items():
            found = detect(model, scenes.images)
            scores = average_precision(found, scenes.scenes, CLASSES)
            at_half = average_precision(found, scenes.scenes, CLASSES, thresholds=np.array([0.5]))
            yield Condition(name, knob, float(value), things, scores.ap, scores.ap50, at_half.recall)


def kept_when_crowded(results: Sequence[Condition], name: str) -> float:
    """AP50 with ten things a scene as a multiple of that with two."""
    ap50 = {r.value: r.ap50 for r in results if (r.detector, r.knob) == (name, "objects")}
    return ap50[10] / ap50[2]


def small_share(results: Sequence[DetectorResult], name: str) -> float:
    """AP of small things as a multiple of that of large ones."""
    (row,) = (result for result in results if result.name == name)
    return row.small / row.large


def lost_by_the_grid(count: int) -> float:
    """Share of the things whose cell another one has, in the scenes of ``conditions`` with so many things."""
    (difficulty,) = (each for knob, value, each in difficulties() if (knob, value) == ("objects", count))
    batch = as_batch(load_scenes("drawn", 200, seed=CONDITION_SEED, difficulty=difficulty).scenes, most=count)
    return float(1 - grid_cells(batch).filled.sum() / batch.valid.sum())


# Proposals


def recalls(proposals: Array, scenes: Sequence[Scene], counts: Sequence[int]) -> list[float]:
    """Share of the things that one of the first proposals overlaps with IoU 0.5, for each count."""
    best = [
        np.maximum.accumulate(box_iou(boxes, scene.boxes), axis=0)
        for boxes, scene in zip(proposals, scenes, strict=True)
    ]
    return [float(np.mean(np.concatenate([each[count - 1] for each in best]) >= 0.5)) for count in counts]


def random_boxes(scenes: int, count: int = 300, seed: int = 0) -> Array:
    """Draws boxes with the sizes that the scenes' things have, somewhere in the image."""
    rng = np.random.default_rng(seed)
    least, most = Difficulty().sizes
    sides = SIDE * np.exp(rng.uniform(np.log(least), np.log(most), (scenes, count, 2)))
    low = rng.uniform(0, SIDE - sides)
    return np.concatenate([low, low + sides], axis=-1)


# Masks


class Pair(NamedTuple):
    """A detection and its thing: mask IoU of the mask, and of the filled box."""

    label: int
    mask: float
    box: float


def fill(boxes: Array, side: int = SIDE) -> npt.NDArray[np.bool_]:
    """Fills boxes: the pixels whose middles lie in them, shape ``(n, side, side)``."""
    middle = np.arange(side) + 0.5
    inside = [(middle >= boxes[:, k, None]) & (middle < boxes[:, k + 2, None]) for k in (0, 1)]
    return np.asarray(inside[1][:, :, None] & inside[0][:, None, :])


def filled_box_iou(scenes: SceneSet) -> list[tuple[int, float, bool]]:
    """Gives class and mask IoU of each thing's filled box, and whether another box touches it."""
    rows = []
    for scene in scenes.scenes:
        own = np.diag(mask_iou(fill(scene.boxes), scene.masks))
        touched = (box_iou(scene.boxes, scene.boxes) > 0).sum(axis=1) > 1
        rows += list(zip(scene.labels.tolist(), own.tolist(), touched.tolist(), strict=True))
    return rows


def matched_masks(found: Sequence[Detections], scenes: SceneSet) -> list[Pair]:
    """Pairs each thing with the best detection of its class whose box overlaps it with IoU 0.5."""
    pairs = []
    for detections, scene in zip(found, scenes.scenes, strict=True):
        assert detections.masks is not None, "detections without masks"
        same = detections.labels[:, None] == scene.labels
        overlap = box_iou(detections.boxes, scene.boxes) * same
        for k, label in enumerate(scene.labels):
            best = int(overlap[:, k].argmax()) if len(overlap) else 0
            if not len(overlap) or overlap[best, k] < 0.5:
                continue
            drawn = np.stack([detections.masks[best], fill(detections.boxes[best : best + 1])[0]])
            mask, box = mask_iou(drawn, scene.masks[k : k + 1])[:, 0]
            pairs.append(Pair(int(label), float(mask), float(box)))
    return pairs


@dataclass(frozen=True)
class Aligned:
    """Mask IoU of a mask branch on given boxes, on the frozen trunk of the Faster R-CNN that ships.

    Attributes:
        stride: Pixels a cell.
        cut: "align" or "pool".
        masks: "sigmoid" for one mask a class, "softmax" over classes and background.
        jitter: How far the edges of the boxes lie beside the true ones, as a share of the side, at most.
        seed: Seed of the branch's weights and of the batches.
        iou: Mean mask IoU on the test scenes.
    """

    stride: int
    cut: str
    masks: str
    jitter: float
    seed: int
    iou: float


ALIGN_STEPS, JITTER = 200, 0.25
CUTS: dict[str, Callable[..., Any]] = {"align": align_regions, "pool": roi_pool}


class Given(NamedTuple):
    """What a mask branch is given: the frozen trunk's maps, boxes and classes, and the masks wanted."""

    maps: Array
    boxes: Array
    labels: Array
    valid: Array
    wanted: Array


def given_maps(scenes: Batch, stride: int, jitter: float, trunk: keras.Model) -> Given:
    """Computes a trunk's maps, boxes with moved edges, and the masks of 14 x 14 pixels that they show."""
    maps = trunk.predict(scaled(scenes.images), batch_size=100, verbose=0)[{8: 1, 16: 2}[stride]]
    sides = np.tile(scenes.boxes[..., 2:] - scenes.boxes[..., :2], 2)
    moved = scenes.boxes + sides * np.random.default_rng(0).uniform(-jitter, jitter, sides.shape)
    boxes = np.clip(moved, 0, SIDE).astype(np.float32)
    owner = np.tile(np.arange(boxes.shape[1]), (len(maps), 1))
    parts = np.array_split(np.arange(len(maps)), max(1, len(maps) // 100))
    wanted = [regions.mask_targets(scenes.masks[k], boxes[k], owner[k]) for k in parts]
    return Given(maps, boxes, scenes.labels, scenes.valid, np.concatenate(wanted))


class Masker(keras.Model):
    """A mask branch on a frozen trunk's map: a little convolution, the cut, and the lesson's branch."""

    def __init__(self, stride: int, cut: str, masks: str, channels: int) -> None:
        super().__init__()
        self.stride, self.cut = stride, CUTS[cut]
        maps = keras.Input((SIDE // stride, SIDE // stride, channels))
        self.adapt = keras.Model(maps, conv(layers.Conv2D(CHANNELS, 1)(maps)))
        region = keras.Input((7, 7, CHANNELS))
        x = layers.Conv2DTranspose(CHANNELS, 2, 2, activation="relu")(conv(conv(region)))
        self.branch = keras.Model(region, layers.Conv2D(CLASSES + (masks == "softmax"), 1)(x))

    def call(self, maps: Any, boxes: Any) -> Any:
        """Returns logits, shape ``(batch, n, 14, 14, classes)``."""
        logits = self.branch(merged(self.cut(self.adapt(maps), boxes, 7, self.stride)))
        return tf.reshape(logits, [-1, boxes.shape[1], *logits.shape[1:]])


def own_masks(logits: Any, labels: Any) -> Any:
    """Probability of each region's own class, ``(batch, n, 14, 14)``.

    With a softmax it is that against the background alone: the class is given, and what the other classes score
    is no reason to leave a pixel out.
    """
    own = tf.gather(logits[..., -CLASSES:], labels, axis=4, batch_dims=2)
    return tf.sigmoid(own - logits[..., 0] if logits.shape[-1] > CLASSES else own)


def mask_loss(logits: Any, given: Given) -> Any:
    """Cross entropy of the true class's mask, or of background and classes at each pixel."""
    if logits.shape[-1] > CLASSES:
        classes = tf.cast(given.wanted, tf.int32) * (given.labels[..., None, None] + 1)
        error = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
    else:
        own = tf.gather(logits, given.labels, axis=4, batch_dims=2)
        error = tf.nn.sigmoid_cross_entropy_with_logits(given.wanted, own)
    return tf.reduce_sum(tf.reduce_mean(error, [2, 3]) * given.valid) / tf.reduce_sum(given.valid)


def train_masker(
    setting: tuple[int, str, str, float], seed: int, train: Given, test: Given, scenes: SceneSet, steps: int
) -> Aligned:
    """Trains a mask branch on given boxes and measures it."""
    keras.utils.set_random_seed(seed)
    rng, optimizer = np.random.default_rng(seed), adamw(steps)
    model = Masker(*setting[:3], channels=train.maps.shape[-1])

    def step(given: Given) -> None:
        with tf.GradientTape() as tape:
            loss = mask_loss(model(given.maps, given.boxes), given)
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    learn = graph(step)
    for _ in range(steps):
        chosen = rng.integers(0, len(train.maps), 16)
        learn(Given(*(array[chosen] for array in train)))
    small = np.asarray(own_masks(model(test.maps, test.boxes), test.labels))
    ious = []
    for masks_of, boxes, scene in zip(small, test.boxes, scenes.scenes, strict=True):
        things = len(scene.labels)
        ious += np.diag(mask_iou(regions.paste(masks_of[:things], boxes[:things]), scene.masks)).tolist()
    return Aligned(*setting, seed, float(np.mean(ious)))


ALIGN_SETTINGS = (
    (16, "align", "sigmoid", JITTER),
    (16, "pool", "sigmoid", JITTER),
    (8, "align", "sigmoid", JITTER),
    (8, "pool", "sigmoid", JITTER),
    (8, "align", "softmax", JITTER),
    (16, "align", "sigmoid", 0.0),
    (16, "pool", "sigmoid", 0.0),
)
"""Stride, cut, kind of masks and moved edges; the last two are the control with true boxes."""


def alignment_results() -> Iterator[Aligned]:
    """Compares both ways to cut at strides 8 and 16, and both kinds of masks; keeps what is stored."""
    stored = stored_alignment()
    yield from stored
    done = {(r.stride, r.cut, r.masks, r.jitter, r.seed) for r in stored}
    trunk = load_detector("faster_rcnn").backbone.get_layer("trunk")
    batches, test = (
        [as_batch(shared_scenes(part).scenes) for part in ("train", "test")],
        shared_scenes("test"),
    )
    given: dict[tuple[int, float], tuple[Given, Given]] = {}
    for setting in ALIGN_SETTINGS:
        stride, jitter = setting[0], setting[3]
        if (stride, jitter) not in given:
            first, second = (given_maps(batch, stride, jitter, trunk) for batch in batches)
            given[stride, jitter] = first, second
        for seed in SEEDS:
            if (*setting, seed) not in done:
                yield train_masker(setting, seed, *given[stride, jitter], test, ALIGN_STEPS)


def alignment_values(
    results: Sequence[Aligned], stride: int, cut: str, masks: str = "sigmoid", jitter: float = JITTER
) -> dict[int, float]:
    """Mask IoU of a setting by seed."""
    chosen = [r for r in results if (r.stride, r.cut, r.masks, r.jitter) == (stride, cut, masks, jitter)]
    return {r.seed: r.iou for r in sorted(chosen, key=lambda r: r.seed)}


def gains(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """Differences of two settings, for each seed that both have."""
    return [first[seed] - second[seed] for seed in first if seed in second]


def alignment_gains(results: Sequence[Aligned], stride: int, jitter: float = JITTER) -> list[float]:
    """What align gains over pooling, by seed."""
    align, pool = (alignment_values(results, stride, cut, jitter=jitter) for cut in ("align", "pool"))
    return gains(align, pool)


# What is stored


def stored_detectors() -> list[DetectorResult]:
    """Reads what ``detectors`` measured."""
    return [DetectorResult(**row) for row in read_results(RESULTS, "detectors")]


def stored_alignment() -> list[Aligned]:
    """Reads what ``alignment`` measured."""
    return [Aligned(**row) for row in read_results(RESULTS, "alignment")]


def stored_training() -> list[Training]:
    """Reads the losses of the trainings whose weights ship."""
    return [Training(**row) for name in NAMES for row in read_results(RESULTS, name)]


def stored_conditions() -> list[Condition]:
    """Reads what ``conditions`` measured."""
    return [Condition(**row) for row in read_results(RESULTS, "conditions")]


EXPERIMENTS: dict[str, Callable[[], Iterator[Any]]] = {
    **{name: training_results(name) for name in NAMES},
    "alignment": alignment_results,
    "detectors": detector_results,
    "conditions": condition_results,
}
"""What each name on the command line measures."""


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 9, EXPERIMENTS)
