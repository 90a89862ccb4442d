"""Chapter 4's sounds: the voice, its levels, its spectrogram and its pitch."""

from __future__ import annotations

import numpy as np
import pytest

from chapters.ch04_mobilenet_densenet_wavenet import sounds


def tone(frequency: float, samples: int = 4000) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(samples) / sounds.RATE)


def test_levels_survive_the_round_trip() -> None:
    levels = np.arange(256)

    np.testing.assert_array_equal(sounds.to_levels(sounds.from_levels(levels)), levels)


def test_levels_are_symmetric_and_span_the_range() -> None:
    wave = np.linspace(0.01, 1, 50)

    assert sounds.to_levels(np.array([-1.0, 1.0])).tolist() == [0, 255]
    np.testing.assert_array_equal(sounds.to_levels(-wave), 255 - sounds.to_levels(wave))


def test_song_follows_its_score() -> None:
    score = ["ド", "ソ", "ミ"]
    song = sounds.sing(score, "あ", seed=1)

    assert song.wave.shape == song.notes.shape == (3 * sounds.NOTE_SAMPLES,)
    assert np.abs(song.wave).max() <= 1
    np.testing.assert_allclose(
        sounds.note_pitches(song.wave), [sounds.NOTES[note] for note in score], rtol=0.02
    )


def test_same_seed_sings_the_same_and_another_does_not() -> None:
    first, second, other = (sounds.random_songs(2, seed) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first[0].wave, second[0].wave)
    assert not np.array_equal(first[0].wave, other[0].wave)
    assert [song.vowel for song in first] == [0, 1]


def test_vowels_resonate_at_their_formants() -> None:
    frequencies = np.arange(100.0, 2000)
    for vowel, formants in sounds.VOWELS.items():
        gains = np.abs(sounds.resonance(frequencies, vowel))
        assert abs(frequencies[gains.argmax()] - formants[0][0]) < 30
        assert np.abs(sounds.resonance(np.zeros(1), vowel))[0] == pytest.approx(1)


def test_spectrogram_shows_a_tone_at_its_frequency_and_at_0_db() -> None:
    times, frequencies, decibels = sounds.spectrogram(tone(500))

    assert decibels.shape == (len(frequencies), len(times))
    assert frequencies[decibels.mean(axis=1).argmax()] == 500
    assert decibels.max() == pytest.approx(0, abs=0.1)
    assert 0 < times[0] < times[-1] < 1


@pytest.mark.parametrize("frequency", [110, 130.8, 196, 240])
def test_pitch_of_a_tone_with_overtones(frequency: float) -> None:
    wave = np.sum([tone(n * frequency, 700) / n for n in (1, 2, 3)], axis=0)

    assert sounds.pitch(wave) == pytest.approx(frequency, rel=0.01)


def test_playable_sound_keeps_its_tone_at_twice_the_rate() -> None:
    played = sounds.playable(tone(500))

    assert len(played) == 8000
    np.testing.assert_allclose(played[::2], tone(500), atol=1e-9)
    np.testing.assert_allclose(played, np.sin(2 * np.pi * 500 * np.arange(8000) / 8000), atol=1e-9)


@pytest.mark.parametrize(("amplitude", "gain"), [(0.01, (10, 30)), (1, (-15, -5))])
def test_mu_law_is_finer_for_quiet_sounds_and_coarser_for_loud_ones(
    amplitude: float, gain: tuple[float, float]
) -> None:
    wave = amplitude * tone(440)
    even = np.rint(wave * 127.5) / 127.5

    ours = sounds.snr(wave, sounds.from_levels(sounds.to_levels(wave)))

    assert gain[0] < ours - sounds.snr(wave, even) < gain[1]


def test_energy_below_a_frequency() -> None:
    both = tone(500) + tone(1500)

    assert sounds.share_below(tone(500), 600) > 0.99
    assert sounds.share_below(both, 600) == pytest.approx(0.5, abs=0.02)
