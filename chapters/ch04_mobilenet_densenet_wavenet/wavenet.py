"""What WaveNet reads and predicts, how well it predicts, and a fast sampler; the network is in the lesson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from chapters.ch04_mobilenet_densenet_wavenet.sounds import (
    LEVELS,
    NOTES,
    VOWELS,
    Song,
    from_levels,
    to_levels,
)

Array = npt.NDArray[Any]

DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128)
UNDILATED = (1,) * len(DILATIONS)
CONDITIONS = len(NOTES) + len(VOWELS)
WINDOW, BATCH = 512, 4


class Frames(NamedTuple):
    """What the network reads and predicts, time by time.

    Attributes:
        waves: The sample before, float32, shape ``(n, time, 1)``.
        conditions: The note and the vowel to sing, one-hot, float32, shape ``(n, time, 7)``.
        targets: The level to predict, int64, shape ``(n, time)``.
    """

    waves: Array
    conditions: Array
    targets: Array


def conditions_of(notes: Array, vowel: int) -> Array:
    """Encodes what to sing: the note changes with time (local), the vowel does not (global).

    Args:
        notes: Indices into the notes, shape ``(time,)``.
        vowel: Index into the vowels.

    Returns:
        One-hot of both, float32, shape ``(time, 7)``.
    """
    both = [np.eye(len(NOTES))[notes], np.tile(np.eye(len(VOWELS))[vowel], (len(notes), 1))]
    return np.concatenate(both, axis=1).astype("float32")


def frames(song: Song) -> Frames:
    """Turns a song into one long example: each sample's level is to be predicted from the samples before."""
    levels = to_levels(song.wave)
    conditions = conditions_of(song.notes, song.vowel)
    return Frames(from_levels(levels[:-1])[None, :, None], conditions[None, 1:], levels[None, 1:])


def windows(songs: Sequence[Song], count: int, seed: int) -> Frames:
    """Cuts random windows of :data:`WINDOW` samples from songs.

    Args:
        songs: Songs to cut from.
        count: Number of windows.
        seed: Seed of the choice.

    Returns:
        The windows.
    """
    rng = np.random.default_rng(seed)
    whole = [frames(song) for song in songs]
    cut = []
    for _ in range(count):
        part = whole[rng.integers(len(whole))]
        start = rng.integers(part.targets.shape[1] - WINDOW)
        cut.append([array[:, start : start + WINDOW] for array in part])
    return Frames(*(np.concatenate(arrays) for arrays in zip(*cut, strict=True)))


def nats(model: keras.Model, songs: Sequence[Song], skipped: int = 256) -> float:
    """Measures the negative log likelihood of a sample in songs that no training heard.

    Args:
        model: A trained network.
        songs: The songs.
        skipped: Samples at the beginning of each song that are not counted.

    Returns:
        Mean over the samples, nats; guessing all 256 levels alike gives ln 256.
    """
    losses = []
    for song in songs:
        waves, conditions, targets = frames(song)
        logits = model.predict([waves, conditions], verbose=0)
        loss = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        losses.append(np.asarray(loss)[0, skipped:])
    return float(np.concatenate(losses).mean())


def histogram_nats(training: Sequence[Song], songs: Sequence[Song]) -> float:
    """Measures the same for guessing each level as often as it occurs in the training songs."""
    counts = 1 + np.bincount(np.concatenate([to_levels(song.wave) for song in training]), minlength=LEVELS)
    losses = -np.log(counts / counts.sum())
    return float(np.concatenate([losses[to_levels(song.wave)] for song in songs]).mean())


class Stepper:
    """A trained WaveNet that computes one time after the other, each layer once for each sample.

    Each layer keeps its inputs of the last ``dilation`` times in a queue, as in Le Paine et al., "Fast
    WaveNet Generation Algorithm", 2016. NumPy only.
    """

    def __init__(self, model: keras.Model, conditions: Array) -> None:
        """Reads the weights.

        Args:
            model: A model of ``build_wavenet``.
            conditions: What to sing, shape ``(n, time, conditions)``.
        """
        self._time = 0
        self._first, self._hidden, self._logits = (
            model.get_layer(name).get_weights() for name in ("first", "hidden", "logits")
        )
        self._width = len(self._first[1])
        self._layers = []
        for layer in (layer for layer in model.layers if layer.name.startswith("dilated")):
            number = layer.name.removeprefix("dilated")
            kernel, bias = layer.get_weights()
            (mix,) = model.get_layer(f"condition{number}").get_weights()
            outputs = model.get_layer(f"outputs{number}").get_weights()
            queue = np.zeros((layer.dilation_rate[0], len(conditions), self._width), "float32")
            self._layers.append((queue, np.concatenate(kernel), conditions @ mix + bias, *outputs))

    def __call__(self, samples: Array) -> Array:
        """Reads the samples of one time, shape ``(n, 1)``, and gives the logits of the next, ``(n, 256)``."""
        x = samples @ self._first[0] + self._first[1]
        skips = np.float32(0)
        for queue, kernel, condition, out, bias in self._layers:
            place = self._time % len(queue)
            gate = np.concatenate([queue[place], x], axis=1) @ kernel + condition[:, self._time]
            queue[place] = x
            gated = np.tanh(gate[:, : self._width]) / (1 + np.exp(-gate[:, self._width :]))
            outputs = gated @ out + bias
            x, skips = x + outputs[:, : self._width], skips + outputs[:, self._width :]
        self._time += 1
        hidden = np.maximum(np.maximum(skips, 0) @ self._hidden[0] + self._hidden[1], 0)
        return np.asarray(hidden @ self._logits[0] + self._logits[1])


def sample(model: keras.Model, conditions: Array, seed: int, temperature: float = 1.0) -> Array:
    """Generates sounds: draws each sample from the network's probabilities and feeds it back.

    Args:
        model: A trained model of ``build_wavenet``.
        conditions: What to sing, shape ``(n, time, conditions)``.
        seed: Seed of the draws.
        temperature: What the logits are divided by; below 1 the likelier levels get likelier.

    Returns:
        Waves in [-1, 1], float32, shape ``(n, time)``.
    """
    count, times = conditions.shape[:2]
    draws = np.random.default_rng(seed).random((times, count, 1))
    stepper = Stepper(model, conditions)
    waves = np.zeros((count, times + 1), "float32")
    for time in range(times):
        logits = stepper(waves[:, time, None]) / temperature
        ladder = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
        waves[:, time + 1] = from_levels((ladder < draws[time] * ladder[:, -1:]).sum(axis=1))
    return waves[:, 1:]
