"""Chapter 4's WaveNet: what it sees, that it learns, and that sampling computes what the network computes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from chapters.ch04_mobilenet_densenet_wavenet import sounds, wavenet
from chapters.ch04_mobilenet_densenet_wavenet.taught import build_wavenet, train_wavenet


@pytest.fixture(scope="module")
def songs() -> list[sounds.Song]:
    return sounds.random_songs(4, seed=1)


def gradient(model: keras.Model, length: int, place: int) -> np.ndarray:
    wave = tf.constant(np.random.default_rng(0).normal(size=(1, length, 1)).astype("float32"))
    conditions = tf.zeros((1, length, wavenet.CONDITIONS))
    with tf.GradientTape() as tape:
        tape.watch(wave)
        logit = model([wave, conditions])[0, place, 7]
    return np.asarray(tape.gradient(logit, wave))[0, :, 0]


@pytest.mark.parametrize("dilations", [(1, 2, 4, 8), (1, 1, 1, 1), (1, 2, 1, 2)])
def test_receptive_field_is_one_plus_the_dilations_and_holds_no_future(dilations: tuple[int, ...]) -> None:
    keras.utils.set_random_seed(1)
    seen = np.flatnonzero(gradient(build_wavenet(dilations), 60, 40))

    assert seen.max() == 40
    assert seen.min() == 40 - sum(dilations)


def test_frames_pair_each_sample_with_the_next_level(songs: list[sounds.Song]) -> None:
    song = songs[1]
    waves, conditions, targets = wavenet.frames(song)
    levels = sounds.to_levels(song.wave)

    assert waves.shape == (1, 3999, 1)
    assert conditions.shape == (1, 3999, wavenet.CONDITIONS)
    np.testing.assert_array_equal(targets[0], levels[1:])
    np.testing.assert_array_equal(sounds.to_levels(waves[0, :, 0]), levels[:-1])
    np.testing.assert_array_equal(conditions[0, :, :5].argmax(axis=1), song.notes[1:])
    assert (conditions[0, :, 5:] == [0, 1]).all()


def test_windows_are_cut_at_random(songs: list[sounds.Song]) -> None:
    cut = wavenet.windows(songs, 3, seed=2)

    assert cut.targets.shape == (3, wavenet.WINDOW)
    assert not np.array_equal(cut.targets[0], cut.targets[1])
    np.testing.assert_array_equal(sounds.to_levels(cut.waves[:, 1:, 0]), cut.targets[:, :-1])


def test_training_beats_the_histogram(songs: list[sounds.Song]) -> None:
    unheard = sounds.random_songs(2, seed=9)
    model = train_wavenet(songs, seed=1, dilations=(1, 2, 4), steps=40)

    assert wavenet.nats(model, unheard) < wavenet.histogram_nats(songs, unheard) < np.log(256)


def test_stepping_computes_what_the_network_computes(songs: list[sounds.Song]) -> None:
    keras.utils.set_random_seed(2)
    model = build_wavenet((1, 2, 4))
    parts = [wavenet.frames(song) for song in songs]
    waves, conditions = (np.concatenate([part[i] for part in parts])[:, :50] for i in (0, 1))
    stepper = wavenet.Stepper(model, conditions)

    stepped = np.stack([stepper(waves[:, time]) for time in range(50)], axis=1)

    np.testing.assert_allclose(stepped, model.predict([waves, conditions], verbose=0), atol=1e-5)


def test_sampling_is_repeatable_and_colder_is_less_varied() -> None:
    keras.utils.set_random_seed(3)
    model = build_wavenet((1, 2))
    conditions = wavenet.conditions_of(np.zeros(200, int), 0)[None]

    first, again, other = (wavenet.sample(model, conditions, seed) for seed in (1, 1, 2))
    cold = wavenet.sample(model, conditions, seed=1, temperature=0.01)

    assert first.shape == (1, 200)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(np.unique(cold)) < len(np.unique(first))
