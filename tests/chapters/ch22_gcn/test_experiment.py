"""Chapter 22's experiment: its settings by hand, and what it stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from chapters.ch22_gcn import experiment, graphs, tables, taught
from chapters.ch22_gcn.experiment import DEPTHS, KARATE_SEEDS, LIKENESS, SEEDS, Depth, Score
from course_utils.results import write_results


@pytest.mark.parametrize("likeness", [0.1, 0.9])
def test_drawn_communities_keep_their_degree(likeness: float) -> None:
    task = experiment.drawn_communities(likeness, seed=1)

    adjacency = graphs.adjacency_matrix(task.graph)
    same = adjacency[task.labels[:, None] == task.labels].sum() / adjacency.sum()
    assert adjacency.sum(axis=1).mean() == pytest.approx(9, abs=1)
    assert same == pytest.approx(likeness, abs=0.05)


def test_energy_is_0_for_the_dominant_eigenvector_and_at_most_2() -> None:
    adjacency = graphs.adjacency_matrix(graphs.karate_club().graph)
    propagation = taught.propagation_matrix(adjacency.astype("float64"))
    values, vectors = np.linalg.eigh(propagation)

    assert experiment._relative_energy(vectors[:, -1:], propagation) == pytest.approx(0, abs=1e-10)
    assert experiment._relative_energy(3 * vectors[:, :1], propagation) == pytest.approx(1 - values[0])
    assert experiment._relative_energy(np.zeros((34, 2)), propagation) == 0


def test_accuracy_leaves_the_told_labels_out() -> None:
    task = graphs.NodeTask(None, np.zeros((4, 1)), np.array([0, 0, 1, 1]))

    found = experiment.accuracy_of_rest(np.array([0, 1, 1, 1]), task, np.array([True, False, False, False]))

    assert found == pytest.approx(2 / 3)


def test_bonds_are_what_is_learnt() -> None:
    train, test = graphs.molecules(100, seed=1), graphs.molecules(60, seed=2)

    keras.utils.set_random_seed(1)
    model = taught.graph_classifier(3, depth=1)
    taught.fit_graphs(model, experiment.graph_inputs(train), train.labels)

    assert experiment.molecule_accuracy(model, test) > 0.65


def of_methods(name: str, settings: list[str], seeds: tuple[int, ...], methods: int) -> None:
    results = experiment.stored_results(name)
    assert list(dict.fromkeys(result.setting for result in results)) == settings
    for setting in settings:
        found = tables.by_method(results, setting)
        assert len(found) == methods
        assert all(len(scores) == len(seeds) for scores in found.values())
    assert sorted({result.seed for result in results}) == list(seeds)


@pytest.mark.parametrize(
    ("name", "settings", "seeds", "methods"),
    [
        ("karate", ["指導者", "無作為な 2 人"], KARATE_SEEDS, 3),
        ("nodes", [str(likeness) for likeness in LIKENESS], SEEDS, 4),
        ("links", ["町", "集団"], SEEDS, 6),
        ("graphs", ["分子"], SEEDS, 4),
        ("recommend", ["買い物"], SEEDS, 3),
    ],
)
def test_stored_runs_cover_every_setting_method_and_seed(
    name: str, settings: list[str], seeds: tuple[int, ...], methods: int
) -> None:
    of_methods(name, settings, seeds, methods)


def test_stored_runs_cover_every_depth() -> None:
    found = [(r.residual, r.depth, r.seed) for r in experiment.stored_results("depth")]

    assert found == [(residual, depth, s) for residual in (False, True) for depth in DEPTHS for s in SEEDS]


def gap(name: str, setting: str, method: str, other: str) -> float:
    return tables.median_gap(experiment.stored_results(name), setting, method, other)


def test_stored_runs_of_the_club_say_what_the_lesson_says() -> None:
    with_leaders = tables.by_method(experiment.stored_results("karate"), "指導者")

    assert np.mean(np.array(with_leaders["GCN"]) >= 31) >= 0.8
    assert -2 <= gap("karate", "指導者", "GCN", "ラベル伝播") <= 0
    assert gap("karate", "無作為な 2 人", "GCN", "ラベル伝播") >= 4


def test_stored_runs_of_nodes_links_and_purchases_say_what_the_lesson_says() -> None:
    counted = tables.scores(experiment.stored_results("graphs"), "分子", "原子と次数を数える")

    assert gap("nodes", "0.7", "GCN", "ラベル伝播") > 0.05
    assert abs(gap("links", "町", "GCN", "Adamic-Adar")) < 0.03
    assert gap("links", "集団", "GCN (答えが漏れた)", "GCN") > 0.02
    assert max(counted) <= 0.65
    assert gap("recommend", "買い物", "GCN", "同じ物を買った人") < 0.06


def test_stored_runs_of_depths_say_what_the_lesson_says() -> None:
    depths = experiment.stored_results("depth")
    with_residual = tables.over_depth(depths, "accuracy", residual=True)
    energy = tables.over_depth(depths, "energy", residual=False)

    assert np.median(np.subtract(with_residual[16], with_residual[4])) > -0.1
    assert np.median(energy[16]) < 0.3 * np.median(energy[2])


RERUN: list[tuple[str, Callable[[], Score | Depth]]] = [
    ("depth", lambda: experiment.depth_result(1, False, 1)),
    ("links", lambda: next(iter(experiment.link_scores("町", 1)))),
    ("recommend", lambda: next(iter(experiment.recommend_scores(2)))),
]


@pytest.mark.parametrize(("name", "measure"), RERUN, ids=[name for name, _ in RERUN])
def test_stored_runs_are_what_the_code_measures(name: str, measure: Callable[[], Score | Depth]) -> None:
    again = measure()

    if isinstance(again, Depth):
        stored = next(r for r in experiment.stored_results(name) if (r.depth, r.seed) == (again.depth, 1))
        assert again.accuracy == pytest.approx(stored.accuracy, abs=0.1)
    else:
        key = (again.setting, again.method, again.seed)
        stored = next(r for r in experiment.stored_results(name) if (r.setting, r.method, r.seed) == key)
        assert again.score == pytest.approx(stored.score, abs=1e-3)


def test_results_are_stored_beside_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "RESULTS", tmp_path / "results.json")
    one, other = Score("町", "GCN", 1, 0.9), Depth(2, True, 1, 0.8, 1.0, 0.1)

    write_results(experiment.RESULTS, "links", [one])
    write_results(experiment.RESULTS, "depth", [other])

    assert experiment.stored_results("links") == [one]
    assert experiment.stored_results("depth") == [other]
    assert experiment.stored_results("karate") == []
