"""What chapter 6 measures over five seeds, on the photographs of flowers in COURSE_DATA_DIR.

    python -m chapters.ch06_efficientnet.experiment scaling     # a small network scaled, at equal multiply-adds
    python -m chapters.ch06_efficientnet.experiment transfer    # ImageNet's features against CIFAR-10's

Each command writes what it measured into ``results.json``, which the notebook reads and plots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import keras
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chapters.ch06_efficientnet.taught import efficientnet, prepare
from course_utils.backbones import (
    MBConvGroup,
    load_backbone,
    load_efficientnet_lite0,
    preprocess,
    preprocess_lite0,
)
from course_utils.data import ImageSplits, LabelledImages, load_flowers
from course_utils.results import read_results, run_experiment

RESULTS = Path(__file__).with_name("results.json")
SEEDS = (1, 2, 3, 4, 5)

Array = npt.NDArray[Any]

Groups = tuple[MBConvGroup, ...]


class Scaled(NamedTuple):
    """A network of MBConv blocks, scaled.

    Attributes:
        groups: Its blocks.
        size: Its resolution.
        stem: Channels of the first convolution.
        top: Channels of the last convolution.
    """

    groups: Groups
    size: int
    stem: int
    top: int


SMALL = Scaled(
    (MBConvGroup(1, 3, 2, 4, 16), MBConvGroup(1, 3, 2, 4, 24), MBConvGroup(2, 3, 2, 4, 40)), 32, 8, 96
)
"""The small network before it is scaled."""

DIVISOR = 2
"""What its channels are multiples of."""


class Direction(NamedTuple):
    """A way to scale: what one step multiplies.

    Attributes:
        title: What the chapter calls it.
        depth: Factor of the depth, alpha.
        width: Factor of the width, beta.
        resolution: Factor of the resolution, gamma.
    """

    title: str
    depth: float
    width: float
    resolution: float


DIRECTIONS = {
    "compound": Direction("複合 (論文の比)", 1.2, 1.1, 1.15),
    "resolution": Direction("解像度だけ", 1, 1, 2**0.5),
    "width": Direction("幅だけ", 1, 2**0.5, 1),
    "depth": Direction("深さだけ", 2, 1, 1),
    "width+resolution": Direction("幅と解像度", 1, 2**0.25, 2**0.25),
}
"""Directions of about twice the cost a step."""

GOING_ON = {"resolution": (1, 2, 3), "width": (1, 2)}
"""The single directions that gained at twice the cost and are followed to four times, with fewer seeds."""

FACTORS = (2, 4)
"""Multiples of the small network's cost: twice in all directions, four times in those that go on."""


def scale(depth: float, width: float, resolution: float) -> Scaled:
    """Scales the small network; repeats and channels are rounded to the nearest."""

    def channels(count: int) -> int:
        return round(count * width / DIVISOR) * DIVISOR

    groups = tuple(
        group._replace(repeats=round(group.repeats * depth), filters=channels(group.filters))
        for group in SMALL.groups
    )
    return Scaled(groups, round(SMALL.size * resolution), channels(SMALL.stem), channels(SMALL.top))


def arguments(scaled: Scaled) -> tuple[Groups, int, int, int]:
    """Gives what the lesson's ``efficientnet`` and ``prepare`` take first."""
    return scaled.groups, scaled.size, scaled.stem, scaled.top


def cost(scaled: Scaled, classes: int = 5) -> int:
    """Counts the multiply-adds of a scaled network without building it."""
    side, channels = -(-scaled.size // 2), scaled.stem
    total = side**2 * 27 * channels
    for repeats, kernel, first_stride, expansion, filters in scaled.groups:
        for block in range(repeats):
            stride = first_stride if block == 0 else 1
            wide, squeezed = channels * expansion, max(1, channels // 4)
            total += side**2 * channels * wide if expansion > 1 else 0
            side = -(-side // stride)
            total += side**2 * wide * (kernel**2 + filters) + 2 * wide * squeezed
            channels = filters
    return total + side**2 * channels * scaled.top + scaled.top * classes


@cache
def scaled_to(direction: str, factor: float) -> Scaled:
    """Goes so far in a direction that the multiply-adds come near a multiple of the small network's.

    Rounding moves the cost; where the direction has a resolution, up to 8 % of it make up for that.
    """
    _, depth, width, resolution = DIRECTIONS[direction]
    target = factor * cost(SMALL)
    found: dict[Scaled, float] = {}
    for stretch in np.linspace(0, 0.08, 9) if resolution > 1 else [0]:
        for t in np.linspace(0, 4, 801):
            for sign in (1, -1):
                sized = resolution**t * (1 + sign * stretch if t > 0 else 1)
                found.setdefault(scale(depth**t, width**t, sized), stretch)

    def distance(scaled: Scaled) -> tuple[int, float, float]:
        off = abs(cost(scaled) / target - 1)
        return int(off / 0.04), found[scaled], off

    return min(found, key=distance)


@dataclass
class Trained:
    """What one training measured.

    Attributes:
        direction: A key of :data:`DIRECTIONS`.
        factor: Multiple of the small network's multiply-adds that was aimed at.
        seed: Seed of the choice of photographs and of the weights.
        multiply_adds: Of one image.
        seconds: Of the processor, without the preparation.
        train: Accuracy on the training photographs in the last epoch.
        validation: Accuracy on photographs for decisions.
        test: Accuracy on photographs that no decision looked at.
    """

    direction: str
    factor: int
    seed: int
    multiply_adds: int
    seconds: float
    train: float
    validation: float
    test: float


BATCH, EPOCHS = 64, 4


@cache
def photographs(seed: int) -> ImageSplits:
    """Loads photographs of flowers: 192 of each kind for training, 100 for validation, 200 for the test."""
    return load_flowers("folder", size=128, train=192, validation=100, test=200, seed=seed)


def resized(split: LabelledImages, size: int) -> Array:
    """Scales a split's images down to a size, and to [-1, 1]."""
    images = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in split.images]
    return np.stack(images).astype("float32") / 127.5 - 1


def start_anew(model: keras.Model, scaled: Scaled) -> None:
    """Gives a trained model random weights and an optimizer without memory; what is compiled stays."""
    model.set_weights(efficientnet(*arguments(scaled), classes=5).get_weights())
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(keras.ops.zeros_like(variable))


def train_scaled(direction: str, factor: int, seeds: Sequence[int] = SEEDS) -> Iterator[Trained]:
    """Trains a scaled network with each seed and measures it."""
    scaled = scaled_to(direction, factor)
    model = None
    for seed in seeds:
        splits = photographs(seed)
        train, *others = (
            resized(part, scaled.size) for part in (splits.train, splits.validation, splits.test)
        )
        both, labels = np.concatenate([train, train[:, :, ::-1]]), np.tile(splits.train.labels, 2)
        keras.utils.set_random_seed(seed)
        if model is None:
            model = prepare(*arguments(scaled), steps=EPOCHS * len(both) // BATCH)
            model.optimizer.build(model.trainable_variables)
        start_anew(model, scaled)
        started = time.process_time()
        history = model.fit(both, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0).history
        seconds = time.process_time() - started
        validation, test = (
            model.evaluate(images, part.labels, batch_size=250, verbose=0)[1]
            for images, part in zip(others, (splits.validation, splits.test), strict=True)
        )
        yield Trained(
            direction, factor, seed, cost(scaled), round(seconds, 1), history["acc"][-1], validation, test
        )
    keras.backend.clear_session()


def scaling_runs() -> list[tuple[str, int, int]]:
    """Lists the trainings: direction, multiple of the small network's cost, seed."""
    networks = [("depth", 1), *((way, FACTORS[0]) for way in DIRECTIONS)]
    further = [(way, factor) for factor in FACTORS[1:] for way in GOING_ON]
    return [
        *((*network, seed) for network in networks for seed in SEEDS),
        *((*network, seed) for network in further for seed in GOING_ON[network[0]]),
    ]


def scaling_results() -> Iterator[Trained]:
    """Trains the small network, and those of a multiple of its cost in each direction.

    What is stored is kept, seed by seed; remove it to measure it anew.
    """
    stored = {(result.direction, result.factor, result.seed): result for result in stored_scaling()}
    for run in scaling_runs():
        way, factor, seed = run
        yield from [stored[run]] if run in stored else train_scaled(way, factor, (seed,))


@dataclass
class Transferred:
    """What a linear classifier on frozen features measured.

    Attributes:
        features: A key of :data:`FEATURES`.
        per_class: Training photographs of each kind.
        seed: Seed of the choice of photographs.
        penalty: Strength of the regularisation, chosen on photographs for decisions.
        test: Accuracy on photographs that no decision looked at.
    """

    features: str
    per_class: int
    seed: int
    penalty: float
    test: float


COUNTS = (5, 20, 50, 100)
"""Training photographs of each kind."""


def imagenet_features(images: Array, size: int) -> Array:
    """Computes EfficientNet-Lite0's pooled features of RGB images, resized to a resolution."""
    model = load_efficientnet_lite0()
    trunk = keras.Model(model.input, model.get_layer("avg_pool").output)
    sized = [cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC) for image in images]
    return np.asarray(trunk.predict(preprocess_lite0(np.stack(sized)), batch_size=32, verbose=0))


def cifar10_features(images: Array, size: int) -> Array:
    """Computes the pooled features of the small ResNet that was trained on CIFAR-10."""
    sized = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in images]
    backbone = load_backbone("resnet_small_cifar10")
    return np.asarray(backbone.predict(preprocess(np.stack(sized)), batch_size=100, verbose=0))


FEATURES: dict[str, Callable[[Array], Array]] = {
    "imagenet 224": lambda images: imagenet_features(images, 224),
    "imagenet 128": lambda images: imagenet_features(images, 128),
    "cifar10 48": lambda images: cifar10_features(images, 48),
    "cifar10 32": lambda images: cifar10_features(images, 32),
}
"""Frozen features, by the network's data and the resolution it is given."""

PENALTIES = (1.0, 10.0, 100.0, 1000.0)


def first_of_each(labels: Array, count: int) -> Array:
    """Returns the places of the first few images of each class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == kind)[:count] for kind in np.unique(labels)]))


def linear_head(features: Array, labels: Array, penalty: float) -> Any:
    """Fits logistic regression to standardised features."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=1 / penalty, max_iter=1000)).fit(
        features, labels
    )


def transfer_results() -> Iterator[Transferred]:
    """Compares the features with 5 to 100 photographs of each kind."""
    for seed in SEEDS:
        splits = load_flowers("folder", size=128, train=100, validation=20, test=100, seed=seed)
        for name, compute in FEATURES.items():
            data, validation, test = (
                (compute(split.images), split.labels)
                for split in (splits.train, splits.validation, splits.test)
            )
            for count in COUNTS:
                at = first_of_each(data[1], count)
                heads = {penalty: linear_head(data[0][at], data[1][at], penalty) for penalty in PENALTIES}
                best = max(PENALTIES, key=lambda penalty: heads[penalty].score(*validation))
                yield Transferred(name, count, seed, best, float(heads[best].score(*test)))


EXPERIMENTS: dict[str, Callable[[], Iterator[Any]]] = {
    "scaling": scaling_results,
    "transfer": transfer_results,
}
"""What each name on the command line measures."""


def stored_scaling() -> list[Trained]:
    """Reads what ``scaling`` measured."""
    return [Trained(**result) for result in read_results(RESULTS, "scaling")]


def stored_transfer() -> list[Transferred]:
    """Reads what ``transfer`` measured."""
    return [Transferred(**result) for result in read_results(RESULTS, "transfer")]


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 6, EXPERIMENTS)
