"""A voice drawn by a formula that sings a score, its 256 levels, its spectrogram and its pitch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RATE = 4000
"""Samples a second: frequencies below 2,000 Hz can be told apart."""

NOTES = {"ド": 130.8, "レ": 146.8, "ミ": 164.8, "ファ": 174.6, "ソ": 196.0}
"""Frequency of each note, Hz."""

VOWELS = {"あ": ((700, 90), (1200, 110)), "お": ((430, 70), (800, 80))}
"""Resonances of each vowel: centre and width, Hz."""

NOTE_SAMPLES = 1000
NOISE = 0.004
LEVELS = 256
MU = LEVELS - 1

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Song:
    """A sound, and what was sung.

    Attributes:
        wave: Values in [-1, 1], float32, shape ``(samples,)``.
        notes: For each sample the index into :data:`NOTES`, int64.
        vowel: Index into :data:`VOWELS`.
    """

    wave: Array
    notes: Array
    vowel: int


def resonance(frequencies: Array, vowel: str) -> Array:
    """Computes how a vowel's resonances pass frequencies on, one after the other.

    Args:
        frequencies: Hz, any shape.
        vowel: A key of :data:`VOWELS`.

    Returns:
        Complex gains of the same shape; their modulus is 1 at 0 Hz.
    """
    gains = np.ones(np.shape(frequencies), complex)
    for centre, width in VOWELS[vowel]:
        gains *= centre**2 / (centre**2 - frequencies**2 + 1j * width * frequencies)
    return gains


def sing(notes: Sequence[str], vowel: str, seed: int) -> Song:
    """Sings notes of a quarter of a second each: harmonics of a wavering pitch through a vowel's resonances.

    Args:
        notes: Keys of :data:`NOTES`.
        vowel: A key of :data:`VOWELS`.
        seed: Seed of the wavering and of the breath.

    Returns:
        The song, ``1000 * len(notes)`` samples at :data:`RATE`.
    """
    rng = np.random.default_rng(seed)
    names = list(NOTES)
    indices = np.repeat([names.index(note) for note in notes], NOTE_SAMPLES)
    time = np.arange(len(indices)) / RATE
    vibrato = 0.006 * np.sin(2 * np.pi * 5 * time + rng.uniform(0, 2 * np.pi))
    pitch = np.array(list(NOTES.values()))[indices] * (1 + vibrato)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE + rng.uniform(0, 2 * np.pi)
    wave = np.zeros(len(indices))
    for harmonic in range(1, int(RATE / 2 / min(NOTES.values())) + 1):
        gain = resonance(harmonic * pitch, vowel) * (harmonic * pitch < 0.95 * RATE / 2)
        wave += np.real(gain * np.exp(1j * harmonic * phase))
    within = np.arange(len(indices)) % NOTE_SAMPLES
    envelope = np.minimum(1, np.minimum(within + 1, NOTE_SAMPLES - within) / 80)
    wave = 0.75 * wave / np.abs(wave).max() * envelope + NOISE * rng.normal(size=len(wave))
    return Song(np.clip(wave, -1, 1).astype("float32"), indices, list(VOWELS).index(vowel))


def to_levels(wave: Array) -> Array:
    """Compresses a wave by mu-law and rounds it to 256 levels, van den Oord et al., 2016, section 2.2.

    Args:
        wave: Values in [-1, 1].

    Returns:
        Levels from 0 to 255, int64, of the same shape.
    """
    compressed = np.sign(wave) * np.log1p(MU * np.abs(wave)) / np.log1p(MU)
    return np.rint((compressed + 1) / 2 * MU).astype(np.int64)


def from_levels(levels: Array) -> Array:
    """Expands levels to the wave that they stand for, float32 in [-1, 1]."""
    compressed = 2 * np.asarray(levels) / MU - 1
    return (np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(MU)) / MU).astype("float32")


def random_songs(length: int, seed: int) -> list[Song]:
    """Sings random notes, a song for each vowel.

    Args:
        length: Notes in each song.
        seed: Seed of the notes and of the voice.

    Returns:
        One song for each vowel.
    """
    rng = np.random.default_rng(seed)
    return [sing(list(rng.choice(list(NOTES), length)), vowel, int(rng.integers(2**31))) for vowel in VOWELS]


def spectrogram(wave: Array, window: int = 256, hop: int = 64) -> tuple[Array, Array, Array]:
    """Computes a sound's spectrogram with a Hann window.

    Args:
        wave: Samples at :data:`RATE`, shape ``(samples,)``.
        window: Samples in a window.
        hop: Samples from one window to the next.

    Returns:
        Times of the windows' centres, s; frequencies, Hz; power in dB below a full-scale sine, shape
        ``(frequencies, times)``.
    """
    pieces = np.lib.stride_tricks.sliding_window_view(wave, window)[::hop]
    shape = np.hanning(window)
    amplitude = 2 * np.abs(np.fft.rfft(pieces * shape, axis=1)) / shape.sum()
    times = (np.arange(len(pieces)) * hop + window / 2) / RATE
    return times, np.fft.rfftfreq(window, 1 / RATE), 20 * np.log10(np.maximum(amplitude, 1e-5)).T


def pitch(wave: Array) -> float:
    """Estimates the pitch of a steady sound between 100 and 250 Hz by its autocorrelation.

    Args:
        wave: Samples at :data:`RATE`.

    Returns:
        Frequency, Hz, of the highest peak, placed between samples by a parabola.
    """
    size = 1 << (2 * len(wave) - 1).bit_length()
    power = np.abs(np.fft.rfft((wave - wave.mean()) * np.hanning(len(wave)), size)) ** 2
    correlation = np.fft.irfft(power)
    lags = np.arange(RATE // 250, RATE // 100 + 1)
    lag = int(lags[correlation[lags].argmax()])
    left, top, right = correlation[lag - 1 : lag + 2]
    return float(RATE / (lag + 0.5 * (left - right) / (left - 2 * top + right)))


def note_pitches(wave: Array) -> Array:
    """Estimates the pitch of each note of a song, Hz, from its middle."""
    notes = wave.reshape(-1, NOTE_SAMPLES)
    return np.array([pitch(note[200:900]) for note in notes])


def average_spectrum(wave: Array, window: int = 512) -> tuple[Array, Array]:
    """Averages the power spectrum over a whole sound.

    Args:
        wave: Samples at :data:`RATE`.
        window: Samples in a window.

    Returns:
        Frequencies, Hz, and power in dB, each of shape ``(window // 2 + 1,)``.
    """
    _, frequencies, decibels = spectrogram(wave, window, window // 4)
    return frequencies, 10 * np.log10((10 ** (decibels / 10)).mean(axis=1))


def share_below(wave: Array, frequency: float) -> float:
    """Computes the share of a sound's energy below a frequency, Hz."""
    frequencies, decibels = average_spectrum(wave)
    power = 10 ** (decibels / 10)
    return float(power[frequencies < frequency].sum() / power.sum())


def snr(wave: Array, rounded: Array) -> float:
    """Compares a sound's energy with that of its rounding error, dB."""
    return float(10 * np.log10((wave**2).sum() / ((wave - rounded) ** 2).sum()))


def playable(wave: Array) -> Array:
    """Doubles the sampling rate without new frequencies: some browsers play no sound below 8,000 Hz.

    Args:
        wave: Samples at :data:`RATE`, shape ``(samples,)``.

    Returns:
        Twice as many samples.
    """
    spectrum = np.fft.rfft(wave)
    return np.asarray(2 * np.fft.irfft(spectrum, 2 * len(wave)))
