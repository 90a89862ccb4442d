"""Three kinds of blocks and WaveNet, once in the notebook, over five seeds from here.

    python -m chapters.ch04_mobilenet_densenet_wavenet.experiment blocks   # drawn flowers
    python -m chapters.ch04_mobilenet_densenet_wavenet.experiment photos   # CIFAR-10 in COURSE_DATA_DIR
    python -m chapters.ch04_mobilenet_densenet_wavenet.experiment waves    # WaveNet
    python -m chapters.ch04_mobilenet_densenet_wavenet.experiment undilated    # the same without dilation

Each command writes what it measured into ``results.json``, which the notebook reads and plots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from chapters.ch04_mobilenet_densenet_wavenet import costs, photos, sounds, wavenet
from chapters.ch04_mobilenet_densenet_wavenet.taught import NETWORKS, train_network, train_wavenet
from course_utils.data import ImageSplits, load_flowers
from course_utils.results import read_results, run_experiment

RESULTS = Path(__file__).with_name("results.json")
SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Schedule:
    """How long a network is trained.

    Attributes:
        epochs: Number of epochs.
        batch: Images in a step.
    """

    epochs: int = 12
    batch: int = 16


FLOWERS, PHOTOS = Schedule(), Schedule(epochs=8, batch=32)

Array = npt.NDArray[Any]


def flowers(seed: int) -> ImageSplits:
    """Draws flowers: 60 training and 60 test images of each of five kinds; validation is not used."""
    return load_flowers("procedural", size=32, train=60, validation=1, test=60, seed=seed)


@dataclass
class Result:
    """What one network measured.

    Attributes:
        network: A key of :data:`NETWORKS`.
        seed: Seed of the images and of the weights.
        test: Accuracy on test images.
        training: Accuracy on training images in the last epoch.
        seconds: Time to train.
        milliseconds: Median time for a prediction of one image, measured in turn with the other networks.
    """

    network: str
    seed: int
    test: float
    training: float
    seconds: float
    milliseconds: float


def compare(
    splits: ImageSplits,
    seed: int,
    schedule: Schedule = FLOWERS,
    names: tuple[str, ...] = tuple(NETWORKS),
) -> list[Result]:
    """Trains networks on the same images and measures them.

    Args:
        splits: Images, RGB in [0, 255].
        seed: Seed of the weights.
        schedule: How long.
        names: Keys of :data:`NETWORKS`.

    Returns:
        A result for each network.
    """
    images = splits.test.images.astype("float32")
    models, measured = {}, {}
    for name in names:
        started = time.perf_counter()
        models[name], history = train_network(
            name,
            splits.train.images.astype("float32"),
            splits.train.labels,
            len(splits.class_names),
            seed,
            schedule.epochs,
            schedule.batch,
        )
        seconds = time.perf_counter() - started
        _, test = models[name].evaluate(images, splits.test.labels, batch_size=100, verbose=0)
        measured[name] = (float(test), float(history["accuracy"][-1]), seconds)
    milliseconds = costs.latencies(models, images[:1])
    return [Result(name, seed, *measured[name], milliseconds[name]) for name in names]


def network_results(load: Callable[[int], ImageSplits], schedule: Schedule) -> Iterator[Result]:
    """Compares all networks, seed by seed."""
    for seed in SEEDS:
        yield from compare(load(seed), seed, schedule)
        keras.backend.clear_session()


@dataclass
class WaveResult:
    """What one WaveNet measured on songs that it did not hear.

    Attributes:
        network: ``"dilated"`` or ``"undilated"``: as many layers and parameters.
        seed: Seed of the songs, of the weights and of the generated sound.
        nats: Negative log likelihood of a sample.
        histogram: The same for guessing levels as often as they occur in the training songs.
        pitch_errors: Distance of each generated note's pitch from the score, as a share of it.
        seconds: Time to train.
    """

    network: str
    seed: int
    nats: float
    histogram: float
    pitch_errors: list[float]
    seconds: float


SCORE = ("ド", "レ", "ミ", "ファ", "ソ", "ミ", "レ", "ド")
DILATED = {"dilated": wavenet.DILATIONS, "undilated": wavenet.UNDILATED}


def songs(seed: int) -> tuple[list[sounds.Song], list[sounds.Song]]:
    """Sings training songs of 16 s and test songs of 3 s for each vowel."""
    return sounds.random_songs(64, 1000 + seed), sounds.random_songs(12, 2000 + seed)


def score_conditions() -> Array:
    """Encodes :data:`SCORE` for each vowel, float32, shape ``(2, 8000, 7)``."""
    notes = np.repeat([list(sounds.NOTES).index(note) for note in SCORE], sounds.NOTE_SAMPLES)
    return np.stack([wavenet.conditions_of(notes, vowel) for vowel in range(len(sounds.VOWELS))])


def pitch_errors(wave: Array) -> Array:
    """Compares the pitch of each note of a sound with :data:`SCORE`: distances as shares of the score's."""
    wanted = np.array([sounds.NOTES[note] for note in SCORE])
    return np.abs(sounds.note_pitches(wave) / wanted - 1)


def wave_results(network: str) -> Iterator[WaveResult]:
    """Trains a WaveNet for each seed, measures it and lets it sing.

    Args:
        network: A key of :data:`DILATED`.

    Yields:
        A result for each seed.
    """
    for seed in SEEDS:
        training, unheard = songs(seed)
        started = time.perf_counter()
        model = train_wavenet(training, seed, DILATED[network])
        seconds = time.perf_counter() - started
        waves = wavenet.sample(model, score_conditions(), seed)
        yield WaveResult(
            network=network,
            seed=seed,
            nats=wavenet.nats(model, unheard),
            histogram=wavenet.histogram_nats(training, unheard),
            pitch_errors=[float(error) for wave in waves for error in pitch_errors(wave)],
            seconds=seconds,
        )
        keras.backend.clear_session()


Measured = Result | WaveResult

EXPERIMENTS: dict[str, Callable[[], Iterator[Measured]]] = {
    "blocks": lambda: network_results(flowers, FLOWERS),
    "photos": lambda: network_results(photos.load_photos, PHOTOS),
    "waves": lambda: wave_results("dilated"),
    "undilated": lambda: wave_results("undilated"),
}
"""What each name on the command line measures."""

KINDS_OF_RESULT: dict[str, type[Measured]] = {
    "blocks": Result,
    "photos": Result,
    "waves": WaveResult,
    "undilated": WaveResult,
}


def stored_results(name: str) -> list[Any]:
    """Reads what ``experiment.py`` measured.

    Args:
        name: An experiment, as on the command line.

    Returns:
        Its results; empty where that experiment was not run.
    """
    return [KINDS_OF_RESULT[name](**result) for result in read_results(RESULTS, name)]


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 4, EXPERIMENTS)
