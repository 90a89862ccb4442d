"""Chapter 4's experiment: training, measuring, and what is stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chapters.ch04_mobilenet_densenet_wavenet import experiment, sounds
from chapters.ch04_mobilenet_densenet_wavenet.experiment import SEEDS, Result, WaveResult
from chapters.ch04_mobilenet_densenet_wavenet.taught import NETWORKS
from course_utils.data import load_flowers
from course_utils.results import write_results


def test_networks_are_trained_and_measured_on_the_same_images() -> None:
    few = load_flowers("procedural", size=32, train=4, validation=1, test=2, seed=1)

    results = experiment.compare(few, 1, experiment.Schedule(epochs=1), ("ResNet", "MobileNet (同じ幅)"))

    assert [(result.network, result.seed) for result in results] == [
        ("ResNet", 1),
        ("MobileNet (同じ幅)", 1),
    ]
    assert all(0 <= result.test <= 1 and result.milliseconds > 0 for result in results)


def test_score_is_encoded_for_each_vowel() -> None:
    conditions = experiment.score_conditions()

    assert conditions.shape == (2, 8000, 7)
    assert (conditions.sum(axis=2) == 2).all()
    names = list(sounds.NOTES)
    sung = [names[index] for index in conditions[0, ::1000, :5].argmax(axis=1)]
    assert tuple(sung) == experiment.SCORE


def test_pitch_errors_of_the_score_itself_are_small_and_of_another_are_not() -> None:
    right = sounds.sing(experiment.SCORE, "お", seed=1)
    wrong = sounds.sing(["ソ"] * 8, "お", seed=1)

    assert experiment.pitch_errors(right.wave).max() < 0.02
    assert experiment.pitch_errors(wrong.wave).max() > 0.3


@pytest.mark.parametrize("name", ["blocks", "photos"])
def test_stored_runs_cover_every_network_and_seed(name: str) -> None:
    results = experiment.stored_results(name)

    assert [(r.seed, r.network) for r in results] == [(seed, n) for seed in SEEDS for n in NETWORKS]


def test_stored_waves_prefer_dilation_in_every_seed() -> None:
    stored = [*experiment.stored_results("waves"), *experiment.stored_results("undilated")]
    results = {(r.network, r.seed): r for r in stored}

    assert len(results) == 2 * len(SEEDS)
    for seed in SEEDS:
        assert results["dilated", seed].nats < results["undilated", seed].nats
        assert results["undilated", seed].nats < results["undilated", seed].histogram


def test_results_are_stored_beside_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "RESULTS", tmp_path / "results.json")
    one = Result("ResNet", 1, 0.5, 0.9, 3.0, 1.5)
    other = WaveResult("dilated", 1, 2.1, 5.2, [0.01, 0.02], 12.0)

    write_results(experiment.RESULTS, "blocks", [replace(one, test=0.500004)])
    write_results(experiment.RESULTS, "waves", [other])

    assert experiment.stored_results("blocks") == [one]
    assert experiment.stored_results("waves") == [other]
    assert experiment.stored_results("photos") == []


def test_songs_of_a_seed_are_not_the_ones_to_be_tested() -> None:
    training, unheard = experiment.songs(1)

    assert not np.array_equal(training[0].wave[:1000], unheard[0].wave[:1000])
    assert [len(song.wave) for song in (*training, *unheard)] == [64_000, 64_000, 12_000, 12_000]
