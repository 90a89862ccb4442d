"""What a minute is too short for, from the command line.

    python -m chapters.ch08_detection_segmentation.experiment weights        # the networks that ship, into data/detectors
    python -m chapters.ch08_detection_segmentation.experiment detectors      # AP and seconds of the four detectors
    python -m chapters.ch08_detection_segmentation.experiment segmentation   # FCN and U-Net, with and without skips
    python -m chapters.ch08_detection_segmentation.experiment losses         # SSD's heads with three losses, five seeds

Each command but the first writes what it measured into ``results.json``, which the notebook reads; what is there
already is kept, so that a run that was cut goes on where it ended.
"""

from __future__ import annotations

import functools
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from chapters.ch08_detection_segmentation.proposals import propose_boxes
from chapters.ch08_detection_segmentation.taught import (
    ALL_CLASSES,
    SIZE,
    THING_CLASSES,
    best_detections,
    default_boxes,
    fast_rcnn,
    fcn,
    match_default_boxes,
    pixel_loss,
    rcnn,
    region_loss,
    ssd,
    ssd_heads,
    ssd_loss,
    to_input,
    train,
    unet,
)
from course_utils.backbones import (
    DETECTION_TRUNK,
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
    class_iou,
    confusion_matrix,
    decode_boxes,
    detector_result,
    encode_boxes,
    processor_seconds,
)
from course_utils.paths import shipped_data
from course_utils.results import read_results, run_experiment
from course_utils.runtime import start
from course_utils.scenes import PARTS, Scene, shared_scenes

TRAINING_SCENES = PARTS["train"][0]
RESULTS = Path(__file__).with_name("results.json")
WEIGHTS = shipped_data() / "detectors"
SEEDS = (1, 2, 3, 4, 5)
BATCH = 16
START = "FCN + skips"
"""Whose trunk all detectors start from (:func:`course_utils.backbones.start_from_trunk`)."""

STEPS = {
    START: 600,
    **dict.fromkeys(("Fast R-CNN", "RetinaNet", "SSD", "R-CNN"), DETECTOR_STEPS),
    "U-Net": 600,
}
"""Training steps of what ships."""

DETECTORS = ("R-CNN", "Fast R-CNN", "SSD", "RetinaNet")
"""Those that start from :data:`START`; the segmenters that are compared start from RetinaNet's trunk, which knows forms."""

LOSS_STEPS, LOSS_BATCH = 600, 8
SEGMENTATION_STEPS, SEGMENTATION_BATCH = 500, 8
REGIONS = {"R-CNN": 4, "Fast R-CNN": 16}
"""Regions of each image in a batch: a crop of 48 pixels costs R-CNN a quarter of an image."""

CROP, CONTEXT = 48, 0.15
"""Side of R-CNN's crops, and how much wider than the proposal they are."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class LossResult:
    """SSD's heads trained with one loss on a frozen trunk.

    Attributes:
        key: ``plain``, ``mining`` or ``focal``.
        seed: Seed of weights and batches.
        ap: On the test scenes.
        ap50: At IoU 0.5.
        seconds: Processor time of the training.
    """

    key: str
    seed: int
    ap: float
    ap50: float
    seconds: float


@dataclass(frozen=True)
class SegmentationResult:
    """A network for semantic segmentation.

    Attributes:
        key: One of :data:`NETWORKS`; or a baseline, ``commonest`` or ``colour``.
        seed: Seed of weights and batches.
        accuracy: Share of the test scenes' pixels that are right.
        iou: Of each class.
        border: Accuracy on pixels at most two from one of another class.
        parameters: Trained weights.
        seconds: Processor time of the training.
    """

    key: str
    seed: int
    accuracy: float
    iou: list[float]
    border: float
    parameters: int
    seconds: float

    @property
    def mean_iou(self) -> float:
        """Mean over the classes."""
        return float(np.mean(self.iou))


# Batches


def flip(image: Array, boxes: Array, across: bool, down: bool) -> tuple[Array, Array]:
    """Mirrors an image and its boxes."""
    boxes = np.array(boxes, np.float32)
    if across:
        image = image[:, ::-1]
        boxes[:, [0, 2]] = SIZE - boxes[:, [2, 0]]
    if down:
        image = image[::-1]
        boxes[:, [1, 3]] = SIZE - boxes[:, [3, 1]]
    return image, boxes


def default_targets(boxes: Array, labels: Array, defaults: Array) -> tuple[Array, Array]:
    """Says what each default box has to answer: its class, -1 for background, and the offsets of its object."""
    owner = match_default_boxes(boxes, defaults)
    positive = owner >= 0
    offsets = np.zeros((len(defaults), 4), np.float32)
    offsets[positive] = encode_boxes(boxes[owner[positive]], defaults[positive])
    return np.where(positive, labels[owner], -1).astype(np.int32), offsets


def ssd_batches(scenes: Sequence[Scene], rng: np.random.Generator, size: int = BATCH) -> Iterator[Any]:
    """Gives batches of mirrored images with the targets of their default boxes, without end."""
    defaults = default_boxes()
    while True:
        images, labels, offsets = [], [], []
        for k in rng.integers(len(scenes), size=size):
            image, boxes = flip(scenes[k].image, scenes[k].boxes, *rng.random(2) < 0.5)
            answer = default_targets(boxes, scenes[k].labels, defaults)
            images.append(image)
            labels.append(answer[0])
            offsets.append(answer[1])
        yield to_input(np.stack(images)), np.stack(labels), np.stack(offsets)


def pixel_batches(
    scenes: Sequence[Scene], rng: np.random.Generator, size: int = SEGMENTATION_BATCH
) -> Iterator[Any]:
    """Gives batches of images mirrored left to right with their semantic maps, without end."""
    while True:
        chosen = [
            (scene.image[:, ::step], scene.semantic[:, ::step])
            for scene, step in (
                (scenes[k], 1 - 2 * int(rng.random() < 0.5)) for k in rng.integers(len(scenes), size=size)
            )
        ]
        images, maps = (np.stack(part) for part in zip(*chosen, strict=True))
        yield to_input(images), maps.astype(np.int32)


@cache
def training_proposals() -> list[Array]:
    """Proposals of the training scenes; kept in the folder for temporary files, as they take a minute."""
    path = Path(tempfile.gettempdir()) / "ch08_proposals.npz"
    if path.is_file():
        with np.load(path) as archive:
            return np.split(archive["boxes"], archive["ends"][:-1])
    found = [propose_boxes(scene.image) for scene in shared_scenes("train").scenes]
    np.savez(path, boxes=np.concatenate(found), ends=np.cumsum([len(boxes) for boxes in found]))
    return found


def choose_regions(
    proposals: Array, scene: Scene, count: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Draws regions of an image, a quarter or more of them on objects, with class (4: background) and offsets."""
    candidates = np.concatenate([proposals, scene.boxes])  # an object's own box is a good example, too
    overlap = box_iou(candidates, scene.boxes)
    owner, best = overlap.argmax(axis=1), overlap.max(axis=1)
    good, bad = np.flatnonzero(best >= 0.5), np.flatnonzero(best < 0.5)
    wanted = min(len(good), max(1, count // 2)) if len(bad) else count
    chosen = np.concatenate(
        [
            rng.choice(good, wanted, replace=wanted > len(good)),
            rng.choice(bad, count - wanted, replace=count - wanted > len(bad)) if len(bad) else [],
        ]
    ).astype(int)
    labels = np.where(best[chosen] >= 0.5, scene.labels[owner[chosen]], THING_CLASSES)
    offsets = encode_boxes(scene.boxes[owner[chosen]], candidates[chosen])
    return candidates[chosen], labels, offsets


def crop_regions(images: Array, boxes: Array, places: Array) -> tf.Tensor:
    """Cuts regions with some context out of prepared images, and brings each to the same size."""
    grow = (boxes[:, 2:] - boxes[:, :2]) * CONTEXT / 2
    wide = np.concatenate([boxes[:, :2] - grow, boxes[:, 2:] + grow], axis=1)
    corners = (wide[:, [1, 0, 3, 2]] - 0.5) / (SIZE - 1)
    return tf.image.crop_and_resize(images, corners.astype("float32"), places, (CROP, CROP))


def region_batches(kind: str, rng: np.random.Generator, size: int = BATCH) -> Iterator[Any]:
    """Gives batches of regions for R-CNN (crops) or Fast R-CNN (images and boxes), without end."""
    scenes, proposals, count = shared_scenes("train").scenes, training_proposals(), REGIONS[kind]
    while True:
        parts: tuple[list[Array], ...] = ([], [], [], [])
        for k in rng.integers(len(scenes), size=size):
            across, down = rng.random(2) < 0.5
            image, own = flip(scenes[k].image, scenes[k].boxes, across, down)
            _, offered = flip(image, proposals[k], across, down)
            mirrored = Scene(image, own, scenes[k].labels, scenes[k].semantic, scenes[k].instances)
            region = choose_regions(offered, mirrored, count, rng)
            for part, into in zip((image, *region), parts, strict=True):
                into.append(part)
        images, boxes, labels, offsets = parts
        x, b = to_input(np.stack(images)), np.stack(boxes).astype("float32")
        if kind == "R-CNN":
            inputs = crop_regions(x, b.reshape(-1, 4), np.repeat(np.arange(size), count))
        else:
            inputs = (x, b)
        yield inputs, np.concatenate(labels).astype("int32"), np.concatenate(offsets).astype("float32")


# Networks


def new_network(name: str) -> keras.Model:
    """Builds one of the chapter's networks with random weights."""
    if name.startswith("U-Net"):
        return unet(build_detection_trunk(), skips=name != "U-Net, no skips")
    if name.startswith("FCN"):
        return fcn(build_detection_trunk(), skips=name == "FCN + skips")
    build: Callable[[keras.Model], keras.Model] = {"R-CNN": rcnn, "Fast R-CNN": fast_rcnn}.get(name, ssd)
    return build(build_detection_trunk())


def weights_path(name: str) -> Path:
    """Where the weights of a network that ships lie."""
    return WEIGHTS / f"{re.sub('[^a-z]+', '_', name.lower())}.npz"


@cache
def load_network(name: str) -> keras.Model:
    """Builds one of the networks that ship, with its weights."""
    return load_weights(new_network(name), weights_path(name))


def train_network(name: str, seed: int, steps: int, loss: str = "") -> keras.Model:
    """Trains one of the chapter's networks."""
    keras.utils.set_random_seed(seed)
    model, rng, scenes = new_network(name), np.random.default_rng(seed), shared_scenes("train").scenes
    if name in DETECTORS:
        start_from_trunk(model)
    elif name != START or weights_path(START).is_file():
        model.get_layer("trunk").set_weights(load_network("RetinaNet").get_layer("trunk").get_weights())
    if name in REGIONS:
        train(model, region_loss, region_batches(name, rng), steps)
    elif name.startswith(("FCN", "U-Net")):
        train(model, pixel_loss, pixel_batches(scenes, rng), steps)
    else:
        train(model, ssd_loss(loss), ssd_batches(scenes, rng), steps)
    return model


LOSSES = {"SSD": "mining", "RetinaNet": "focal"}


def make_weights(most: int = len(STEPS)) -> None:
    """Trains what ships and is not there yet, so many networks at most."""
    for name, steps in STEPS.items():
        if not weights_path(name).is_file():
            started = time.process_time()
            model = train_network(name, 1, steps, LOSSES.get(name, ""))
            save_backbone(model, weights_path(name))
            if name == START:
                save_backbone(model.get_layer("trunk"), DETECTION_TRUNK)
            print(f"{name}: {steps} steps, {time.process_time() - started:.0f} s", flush=True)
            most -= 1
        if not most:
            return


# Detection


@cache
def compiled(name: str) -> Callable[..., Any]:
    """The forward pass of a network that ships, compiled for any number of regions."""
    model = load_network(name)
    image = tf.TensorSpec((1, SIZE, SIZE, 3), tf.float32)
    if name == "R-CNN":
        return tf.function(model, input_signature=[tf.TensorSpec((None, CROP, CROP, 3), tf.float32)])
    if name == "Fast R-CNN":
        boxes = tf.TensorSpec((1, None, 4), tf.float32)
        return tf.function(lambda x, b: model([x, b]), input_signature=[image, boxes])
    return tf.function(model, input_signature=[image])


def seconds_by_part(images: Sequence[Array]) -> dict[str, float]:
    """Processor time for one image: of proposing boxes, and of what R-CNN and Fast R-CNN do with them."""
    pairs = [(image, propose_boxes(image)) for image in images]
    parts = {name: functools.partial(_detect_among, name) for name in REGIONS}
    return {"": processor_seconds(propose_boxes, images)} | {
        name: processor_seconds(part, pairs) for name, part in parts.items()
    }


def _detect_among(name: str, pair: tuple[Array, Array]) -> Detections:
    return detect(name, *pair)


def detect(name: str, image: Array, proposals: Array | None = None) -> Detections:
    """Finds the things of one image with a network that ships; among proposals that were made before, if there are."""
    x = to_input(image[None])
    if name in LOSSES:
        return ssd_detections(np.asarray(compiled(name)(x))[0])
    boxes = propose_boxes(image) if proposals is None else proposals
    if name == "R-CNN":
        raw = compiled(name)(crop_regions(x, boxes, np.zeros(len(boxes), int)))
    else:
        raw = compiled(name)(x, boxes[None].astype("float32"))
    return region_detections(np.asarray(raw), boxes)


def ssd_detections(output: Array) -> Detections:
    """Decodes what an SSD says of one image."""
    scores = 1 / (1 + np.exp(-output[:, :THING_CLASSES]))
    return best_detections(decode_boxes(output[:, THING_CLASSES:], default_boxes()), scores)


def region_detections(output: Array, boxes: Array) -> Detections:
    """Decodes what R-CNN and Fast R-CNN say of the regions of one image."""
    scores = np.asarray(tf.nn.softmax(output[:, : THING_CLASSES + 1]))[:, :THING_CLASSES]
    return best_detections(decode_boxes(output[:, THING_CLASSES + 1 :], boxes), scores)


def _together(model: keras.Model, *inputs: tf.Tensor) -> Any:
    return model([*inputs])


def detector_results() -> Iterator[DetectorResult]:
    """Measures the four detectors that ship on the test scenes."""
    scenes = shared_scenes("test").scenes
    trunk = tf.function(build_detection_trunk())
    timed = [scene.image for scene in scenes[:40]]
    trunk_seconds = processor_seconds(lambda image: trunk(to_input(image[None])), timed)
    regions = round(float(np.mean([len(propose_boxes(image)) for image in timed])))
    for name in DETECTORS:
        model = load_network(name)
        if name == "R-CNN":
            products = regions * multiply_adds(model, (1, CROP, CROP, 3))
        elif name == "Fast R-CNN":
            products = multiply_adds(functools.partial(_together, model), (1, SIZE, SIZE, 3), (1, regions, 4))
        else:
            products = multiply_adds(model, (1, SIZE, SIZE, 3))
        yield detector_result(
            name,
            1,
            [detect(name, scene.image) for scene in scenes],
            scenes,
            THING_CLASSES,
            seconds=processor_seconds(functools.partial(detect, name), timed),
            trunk_seconds=trunk_seconds,
            parameters=int(sum(np.prod(weight.shape) for weight in model.trainable_weights)),
            multiply_adds=products,
        )


def stored_detectors() -> list[DetectorResult]:
    """Reads the rows of this chapter's detectors for the table that closes chapter 10."""
    return [DetectorResult(**result) for result in read_results(RESULTS, "detectors")]


def loss_results() -> Iterator[LossResult]:
    """Trains SSD's heads with three losses on the maps of one frozen trunk, and keeps what is stored.

    The trunk is that of the FCN that ships: it has seen the training scenes, but none of the losses.
    """
    done = {(result.key, result.seed): result for result in stored_losses()}
    trunk = load_network(START).get_layer("trunk")
    train_set, test = shared_scenes("train"), shared_scenes("test")
    seen, unseen = (
        [part.astype("float16") for part in trunk.predict(to_input(each.images), batch_size=50, verbose=0)]
        for each in (train_set, test)
    )
    for seed in SEEDS:
        for key in ("plain", "mining", "focal"):
            if (key, seed) in done:
                yield done[key, seed]
                continue
            started = time.process_time()
            keras.utils.set_random_seed(seed)
            inputs = [keras.Input(part.shape[1:]) for part in seen]
            heads = keras.Model(inputs, ssd_heads(inputs))
            batches = map_batches(seen, train_set.scenes, np.random.default_rng(seed))
            train(heads, ssd_loss(key), batches, LOSS_STEPS)
            seconds = round(time.process_time() - started, 1)
            found = [ssd_detections(output) for output in heads.predict(unseen, batch_size=50, verbose=0)]
            scores = average_precision(found, test.scenes, THING_CLASSES)
            yield LossResult(key, seed, scores.ap, scores.ap50, seconds)


def map_batches(maps: Sequence[Array], scenes: Sequence[Scene], rng: np.random.Generator) -> Iterator[Any]:
    """Gives batches of a frozen trunk's maps with the targets of their default boxes, without end."""
    defaults = default_boxes()
    targets = [default_targets(scene.boxes, scene.labels, defaults) for scene in scenes]
    while True:
        chosen = rng.integers(len(scenes), size=LOSS_BATCH)
        labels, offsets = (np.stack(part) for part in zip(*(targets[k] for k in chosen), strict=True))
        yield tuple(part[chosen].astype("float32") for part in maps), labels, offsets


def stored_losses() -> list[LossResult]:
    """Reads what the experiment ``losses`` measured."""
    return [LossResult(**result) for result in read_results(RESULTS, "losses")]


# Segmentation

NETWORKS = ("FCN", "FCN + skips", "U-Net, no skips", "U-Net")


def block_majority(maps: Array, block: int) -> Array:
    """Fills each block of maps of classes, so many pixels wide and high, with its commonest class."""
    side = SIZE // block
    tiles = maps.reshape(-1, side, block, side, block)
    votes = np.stack([(tiles == k).sum(axis=(2, 4)) for k in range(ALL_CLASSES)])
    return votes.argmax(axis=0).repeat(block, axis=1).repeat(block, axis=2)


def near_border(maps: Array, reach: int = 2) -> npt.NDArray[np.bool_]:
    """Marks pixels at most so many from one of another class, left, right, above or below."""
    marked = np.zeros(maps.shape, bool)
    for step in range(1, reach + 1):
        for axis in (1, 2):
            first = np.take(maps, range(maps.shape[axis] - step), axis)
            second = np.take(maps, range(step, maps.shape[axis]), axis)
            differs = first != second
            wide = [(0, 0)] * 3
            wide[axis] = (0, step)
            marked |= np.pad(differs, wide)
            wide[axis] = (step, 0)
            marked |= np.pad(differs, wide)
    return marked


def measure_maps(key: str, seed: int, predicted: Array, truth: Array, **more: Any) -> SegmentationResult:
    """Measures semantic maps."""
    right, border = predicted == truth, near_border(truth)
    iou = class_iou(confusion_matrix(truth, predicted, ALL_CLASSES))
    return SegmentationResult(
        key, seed, float(right.mean()), iou.tolist(), float(right[border].mean()), **more
    )


def baseline_results(scenes: int = 150) -> Iterator[SegmentationResult]:
    """Measures what needs no network: the commonest class, and a forest that sees one pixel's colour."""
    from sklearn.ensemble import RandomForestClassifier

    known, test = shared_scenes("train", scenes), shared_scenes("test")
    commonest = np.bincount(known.semantic.ravel()).argmax()
    yield measure_maps(
        "commonest", 0, np.full_like(test.semantic, commonest), test.semantic, parameters=0, seconds=0.0
    )
    rng = np.random.default_rng(1)
    chosen = rng.choice(known.semantic.size, 60_000, replace=False)
    started = time.process_time()
    forest = RandomForestClassifier(30, min_samples_leaf=20, n_jobs=1, random_state=1)
    forest.fit(known.images.reshape(-1, 3)[chosen], known.semantic.ravel()[chosen])
    predicted = forest.predict(test.images.reshape(-1, 3)).reshape(test.semantic.shape)
    seconds = round(time.process_time() - started, 1)
    yield measure_maps("colour", 0, predicted, test.semantic, parameters=0, seconds=seconds)


def segmentation_results() -> Iterator[SegmentationResult]:
    """Trains four networks for semantic segmentation, seed by seed, and keeps what is stored."""
    done = {(result.key, result.seed): result for result in stored_segmentation()}
    if ("colour", 0) in done:
        yield done["commonest", 0]
        yield done["colour", 0]
    else:
        yield from baseline_results()
    test = shared_scenes("test")
    for seed in SEEDS:
        for key in reversed(NETWORKS):
            if (key, seed) in done:
                yield done[key, seed]
                continue
            started = time.process_time()
            model = train_network(key, seed, SEGMENTATION_STEPS)
            seconds = round(time.process_time() - started, 1)
            logits = model.predict(to_input(test.images), batch_size=50, verbose=0)
            count = int(sum(np.prod(weight.shape) for weight in model.trainable_weights))
            yield measure_maps(
                key, seed, logits.argmax(axis=-1), test.semantic, parameters=count, seconds=seconds
            )
            keras.backend.clear_session()


def stored_segmentation() -> list[SegmentationResult]:
    """Reads what the experiment ``segmentation`` measured."""
    return [SegmentationResult(**result) for result in read_results(RESULTS, "segmentation")]


EXPERIMENTS: dict[str, Callable[[], Iterator[Any]]] = {
    "detectors": detector_results,
    "segmentation": segmentation_results,
    "losses": loss_results,
}
"""What each name on the command line measures."""

if __name__ == "__main__":
    if sys.argv[1:2] == ["weights"]:
        start(chapter=8)
        make_weights(*map(int, sys.argv[2:]))
    else:
        run_experiment(__doc__, RESULTS, 8, EXPERIMENTS)
