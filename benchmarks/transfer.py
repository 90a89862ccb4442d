"""What caching the features of a frozen backbone saves, and what fine-tuning costs beside it.

    python benchmarks/transfer.py

Trains chapter 5's head three ways for the same number of epochs, in turn, in one process, and prints
the medians of several rounds and their ratios. Ratios within one run carry over to other machines;
seconds do not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import keras

from chapters.ch05_resnet_transfer import experiment
from chapters.ch05_resnet_transfer.taught import classifier, fit
from course_utils.backbones import load_backbone, preprocess
from course_utils.runtime import start

Labelled = tuple[experiment.Array, experiment.Array]


def train_uncached(train: Labelled, validation: Labelled, epochs: int, *, trainable: bool) -> None:
    """Trains a head on a backbone that computes its features in every epoch."""
    backbone = load_backbone(experiment.SMALL)
    backbone.trainable = trainable
    model = classifier(backbone.input, backbone.output, 1e-4)
    fit(model, train, validation, epochs=epochs, patience=epochs)


def train_cached(train: Labelled, validation: Labelled, epochs: int) -> None:
    """Trains a head on features that are computed once."""
    backbone = load_backbone(experiment.SMALL)
    train, validation = (
        (experiment.features(backbone, images), labels) for images, labels in (train, validation)
    )
    inputs = keras.Input(train[0].shape[1:])
    model = classifier(inputs, inputs, 1e-4)
    fit(model, train, validation, epochs=epochs, patience=epochs)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    start(chapter=5)
    splits = experiment.SCALES["quick"].load(seed=1)
    train, validation = (
        (preprocess(split.images), split.labels) for split in (splits.train, splits.validation)
    )
    ways: dict[str, Callable[[], None]] = {
        "cached transfer": lambda: train_cached(train, validation, options.epochs),
        "uncached transfer": lambda: train_uncached(train, validation, options.epochs, trainable=False),
        "fine-tuning": lambda: train_uncached(train, validation, options.epochs, trainable=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            keras.backend.clear_session()
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    base = statistics.median(seconds["cached transfer"])
    print(f"{options.epochs} epochs, {len(splits.train.labels)} images, median of {options.rounds} rounds")
    for name, values in seconds.items():
        middle = statistics.median(values)
        print(f"{name:18} {middle:7.2f} s   {middle / base:6.2f} x cached transfer")


if __name__ == "__main__":
    main()
