"""Chapter 12's experiment: its texts, what is stored, and that what is stored is what the notebook says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from chapters.ch12_bert import experiment, tables
from chapters.ch12_bert.classification import BASELINES, CURVES, METHODS, SHOTS, Classification
from chapters.ch12_bert.generation import STEPS, Generation
from course_utils.results import write_results

RESULT = Generation("0", 1, 10, 2, 1.5, [2.3, 2.2], 2.1, 2.0, 1.9, 2.2, 1.4, "私は", "私は雨")


def test_no_topic_is_on_both_sides() -> None:
    train, test = experiment.split_passages("registers", seed=1)

    assert not set(train.groups) & set(test.groups)
    assert len(test.texts) == pytest.approx(len(train.texts) / 3, abs=9)


def test_the_register_corpus_changes_with_the_seed() -> None:
    first, again, other = (experiment.register_corpus(seed) for seed in (1, 1, 2))

    assert first == again
    assert first != other
    assert not set(first.training.split("\n")) & set(first.held_out.split("\n"))


def test_the_ends_of_the_novels_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    novels = {"こころ": "あ" * 90 + "い" * 10, "それから": "う" * 180 + "え" * 20}
    asked: list[bool] = []

    def load_work(name: str, cleaned: bool = True) -> str:
        asked.append(cleaned)
        return novels[name]

    monkeypatch.setattr(experiment, "load_work", load_work)
    corpus = experiment.novel_corpus(cleaned=False)

    assert corpus.training == "あ" * 90 + "\n" + "う" * 180
    assert corpus.held_out == "い" * 10 + "\n" + "え" * 20
    assert asked == [False, False]


def test_results_are_stored_beside_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "RESULTS", tmp_path / "results.json")
    classified = Classification(
        "0", 1, 0.5, [1.1], 0.3, 0.2, [[1, 0, 0], [1, 0, 0], [1, 0, 0]], [0.3, 0.3, 0.4]
    )

    write_results(experiment.RESULTS, "generation", [RESULT])
    write_results(experiment.RESULTS, "classification", [classified])

    assert experiment.stored_generations() == [RESULT]
    assert experiment.stored_classifications() == [classified]
    assert experiment.stored_generations("generation_full") == []
    assert set(json.loads((tmp_path / "results.json").read_text("utf-8"))) == {"generation", "classification"}


def test_progress_names_the_step_and_the_loss() -> None:
    assert "2.300 -> 2.200" in experiment.progress(RESULT)


@pytest.mark.parametrize(("name", "seeds"), [("generation", 5), ("generation_aozora", 1)])
def test_every_step_is_stored(name: str, seeds: int) -> None:
    results = experiment.stored_generations(name)

    for step in STEPS:
        chosen = tables.generations(results, step.key)
        assert len(chosen) == seeds, step.key
        if step.learning_rate == 1e-7:
            assert all(abs(r.loss[-1] - math.log(r.size)) < 0.1 for r in chosen)


@pytest.mark.parametrize("name", ["classification", "classification_aozora"])
def test_every_method_is_stored_for_five_seeds(name: str) -> None:
    results = experiment.stored_classifications(name)

    for key in [*BASELINES, *(method.key for method in METHODS)]:
        chosen = tables.classifications(results, key)
        assert [r.seed for r in chosen] == list(experiment.SEEDS), key
        assert all(
            r.accuracy == pytest.approx(np.trace(r.confusion) / np.sum(r.confusion), abs=1e-3) for r in chosen
        )


@pytest.mark.parametrize("name", ["few", "few_aozora"])
def test_every_learning_curve_is_stored_for_five_seeds(name: str) -> None:
    results = experiment.stored_classifications(name)

    assert len(results) == len(experiment.SEEDS) * len(CURVES) * len(SHOTS)
    assert all(len(values) == 5 for curve in tables.curves(results).values() for values in curve)
