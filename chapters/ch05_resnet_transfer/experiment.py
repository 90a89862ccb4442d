"""The report's seven runs, over five seeds from the command line.

    python -m chapters.ch05_resnet_transfer.experiment quick      # drawn flowers, shipped backbones
    python -m chapters.ch05_resnet_transfer.experiment photos     # photographs in COURSE_DATA_DIR
    python -m chapters.ch05_resnet_transfer.experiment sources    # what to pretrain on, same photographs
    python -m chapters.ch05_resnet_transfer.experiment imagenet   # the same from ImageNet
    python -m chapters.ch05_resnet_transfer.experiment rates      # run 3 at the learning rate of run c
    python -m chapters.ch05_resnet_transfer.experiment full       # as the report ran them: GPU, downloads

Each command writes what it measured into ``results.json``, which the notebook reads and plots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from chapters.ch05_resnet_transfer.taught import classifier, fit
from course_utils.backbones import load_backbone, load_efficientnet_lite0, preprocess, preprocess_lite0
from course_utils.data import ImageSplits, Source, load_flowers
from course_utils.download import fetch
from course_utils.hub import HubLayer
from course_utils.results import read_results, run_experiment

RESULTS = Path(__file__).with_name("results.json")
SMALL, WIDE, FRACTAL = "resnet_small_cifar10", "resnet_wide_cifar10", "resnet_small_fractal"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Run:
    """One line of the report's tables.

    Attributes:
        key: Its letter or number in the report's tables and in ``results.json``.
        title: What the chapter calls it.
        backbone: Shipped backbone of the quick profile.
        full_backbone: Backbone of the full profile.
        pretrained: Whether the backbone starts from pretrained weights.
        trainable: Whether the backbone is trained.
        learning_rate: Adam's learning rate.
        freeze_norms: Whether batch normalisation stays as it was pretrained while the rest is trained.
    """

    key: str
    title: str
    backbone: str
    full_backbone: str
    pretrained: bool
    trainable: bool
    learning_rate: float
    freeze_norms: bool = False

    @property
    def rate(self) -> str:
        """Its learning rate, such as ``1e-4``."""
        return np.format_float_scientific(self.learning_rate, trim="-", exp_digits=1)

    @property
    def name(self) -> str:
        """Its title with its learning rate, as tables and figures show it."""
        return f"{self.title} {self.rate}"


KERAS_RESNET = "keras.applications.ResNet50"
IMAGENET_WEIGHTS = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
HUB_RESNET = "https://tfhub.dev/google/imagenet/resnet_v1_50/feature_vector/5"
HUB_BIT = "https://tfhub.dev/google/bit/s-r50x3/1"

RUNS: tuple[Run, ...] = (
    Run("a", "事前学習なし", SMALL, KERAS_RESNET, False, True, 1e-4),
    Run("b", "転移学習", SMALL, KERAS_RESNET, True, False, 1e-4),
    Run("c", "ファインチューニング", SMALL, KERAS_RESNET, True, True, 1e-4),
    Run("0", "転移学習", SMALL, HUB_RESNET, True, False, 1e-3),
    Run("1", "ファインチューニング", SMALL, HUB_RESNET, True, True, 1e-3),
    Run("2", "Wide 転移学習", WIDE, HUB_BIT, True, False, 1e-4),
    Run("3", "Wide ファインチューニング", WIDE, HUB_BIT, True, True, 1e-5),
)


@dataclass
class Result:
    """What a run measured.

    Attributes:
        key: The run's letter or number.
        seed: Seed of the data and of the weights.
        epochs: Epochs until early stopping.
        seconds: Training time, features included.
        validation: Best validation accuracy, the one early stopping looks at.
        test: Accuracy on images that no decision looked at.
        history: Curves, a value an epoch.
    """

    key: str
    seed: int
    epochs: int
    seconds: float
    validation: float
    test: float
    history: dict[str, list[float]]


def features(backbone: keras.Model, images: Array) -> Array:
    """Computes a frozen backbone's features, once for all epochs."""
    return np.asarray(backbone.predict(images, batch_size=100, verbose=0))


def shipped_backbone(run: Run) -> keras.Model:
    """Loads the shipped backbone that stands in for a run's own."""
    return load_backbone(run.backbone, "shipped" if run.pretrained else None)


def full_backbone(run: Run) -> keras.Model:
    """Loads the backbone that the report used: ImageNet's ResNet50, or a module of TensorFlow Hub."""
    if run.full_backbone == KERAS_RESNET:
        weights = str(fetch(IMAGENET_WEIGHTS)) if run.pretrained else None
        return keras.applications.ResNet50(
            weights=weights, include_top=False, pooling="avg", input_shape=(224, 224, 3)
        )
    inputs = keras.Input((224, 224, 3))
    return keras.Model(inputs, HubLayer(run.full_backbone, trainable=run.trainable)(inputs))


def imagenet_backbone(_run: Run) -> keras.Model:
    """Loads the network that was trained on ImageNet, up to its 1,280 pooled features."""
    network = load_efficientnet_lite0()
    return keras.Model(network.input, network.get_layer("avg_pool").output)


def divide_by_255(images: Array) -> Array:
    """Preprocesses as the report did, for the hub's modules and, wrongly, for Keras' ResNet50 too."""
    return images.astype("float32") / 255


@dataclass(frozen=True)
class Scale:
    """How large an experiment is.

    Attributes:
        source: Where the flowers come from.
        size: Width and height of the images in pixels.
        counts: Training, validation and test images of each class, or fractions of the photographs.
        backbone: Gives a run's backbone.
        prepare: Preprocessing, from RGB in [0, 255].
    """

    source: Source
    size: int
    counts: tuple[float, float, float]
    backbone: Callable[[Run], keras.Model] = shipped_backbone
    prepare: Callable[[Array], Array] = preprocess

    def load(self, seed: int) -> ImageSplits:
        """Loads the flowers of a seed."""
        train, validation, test = self.counts
        return load_flowers(
            self.source, size=self.size, train=train, validation=validation, test=test, seed=seed
        )


SCALES = {
    "quick": Scale("procedural", 32, (60, 30, 60)),
    "photos": Scale("folder", 48, (100, 60, 100)),
    "imagenet": Scale("folder", 128, (100, 60, 100), imagenet_backbone, preprocess_lite0),
    "full": Scale("tf_flowers", 224, (0.70, 0.15, 0.15), full_backbone, divide_by_255),
}
SEEDS = (1, 2, 3, 4, 5)


def execute(run: Run, splits: ImageSplits, seed: int, scale: Scale) -> Result:
    """Trains one run and measures it.

    A frozen backbone's features are computed once; the head is then trained on them.

    Args:
        run: The line of the table.
        splits: Images, RGB in [0, 255].
        seed: Seed of the weights.
        scale: Gives the backbone and the preprocessing.

    Returns:
        What was measured.
    """
    keras.utils.set_random_seed(seed)
    backbone = scale.backbone(run)
    backbone.trainable = run.trainable
    for layer in backbone.layers:
        if run.freeze_norms and isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    inputs = [scale.prepare(split.images) for split in (splits.train, splits.validation, splits.test)]
    started = time.perf_counter()
    if run.trainable:
        model = classifier(backbone.input, backbone.output, run.learning_rate)
    else:
        inputs = [features(backbone, images) for images in inputs]
        head_input = keras.Input(inputs[0].shape[1:])
        model = classifier(head_input, head_input, run.learning_rate)
    history = fit(model, (inputs[0], splits.train.labels), (inputs[1], splits.validation.labels))
    seconds = time.perf_counter() - started
    _, test = model.evaluate(inputs[2], splits.test.labels, batch_size=100, verbose=0)
    keras.backend.clear_session()
    return Result(
        run.key, seed, len(history["loss"]), round(seconds, 2), max(history["val_acc"]), float(test), history
    )


def table_results(scale: Scale) -> Iterator[Result]:
    """Runs the report's two tables, seed by seed."""
    for seed in SEEDS:
        splits = scale.load(seed)
        for run in RUNS:
            yield execute(run, splits, seed, scale)


FROZEN_AND_TUNED = {"frozen": replace(RUNS[1], learning_rate=1e-3), "tuned": RUNS[2]}


def source_results(scale: Scale) -> Iterator[Result]:
    """Compares what to pretrain on: nothing, fractals, CIFAR-10; frozen and fine-tuned."""
    for seed in SEEDS:
        splits = scale.load(seed)
        for source, backbone, pretrained in (
            ("scratch", SMALL, False),
            ("fractal", FRACTAL, True),
            ("cifar10", SMALL, True),
        ):
            for mode, run in FROZEN_AND_TUNED.items():
                key = f"{source} {mode}"
                yield execute(
                    replace(run, key=key, backbone=backbone, pretrained=pretrained), splits, seed, scale
                )


def imagenet_results(scale: Scale) -> Iterator[Result]:
    """Transfers from ImageNet to the photographs of :func:`source_results`, fine-tuned in two ways."""
    modes = {**FROZEN_AND_TUNED, "tuned, norms frozen": replace(RUNS[2], freeze_norms=True)}
    for seed in SEEDS:
        splits = scale.load(seed)
        for mode, run in modes.items():
            yield execute(replace(run, key=f"imagenet {mode}"), splits, seed, scale)


def rate_results(scale: Scale) -> Iterator[Result]:
    """Fine-tunes the wide backbone at the small one's learning rate, which is ten times the report's."""
    wide = replace(RUNS[6], key="3 at 1e-4", learning_rate=1e-4)
    for seed in SEEDS:
        yield execute(wide, scale.load(seed), seed, scale)


def stored_results(name: str) -> list[Result]:
    """Reads what ``experiment.py`` measured.

    Args:
        name: An experiment, as on the command line.

    Returns:
        One result for each run and seed; empty where that experiment was not run.
    """
    return [Result(**result) for result in read_results(RESULTS, name)]


EXPERIMENTS: dict[str, Callable[[], Iterator[Result]]] = {
    "quick": lambda: table_results(SCALES["quick"]),
    "photos": lambda: table_results(SCALES["photos"]),
    "sources": lambda: source_results(SCALES["photos"]),
    "imagenet": lambda: imagenet_results(SCALES["imagenet"]),
    "rates": lambda: rate_results(SCALES["photos"]),
    "full": lambda: table_results(SCALES["full"]),
}
"""What each name on the command line measures."""


def progress(result: Result) -> str:
    """Formats one result as a line."""
    return (
        f"seed {result.seed}  {result.key:16} {result.epochs:3} epochs {result.seconds:7.1f} s"
        f"  validation {result.validation:.3f}  test {result.test:.3f}"
    )


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 5, EXPERIMENTS, progress)
