"""The genetic algorithm: genes to networks, crossover, mutation, generations that get better."""

from __future__ import annotations

import numpy as np

from chapters.ch01_reinforcement_learning import deep, evolution
from chapters.ch01_reinforcement_learning.evolution import GENES, Genetic


def test_population_acts_as_its_networks_do() -> None:
    rng = np.random.default_rng(0)
    genomes, observations = rng.normal(size=(5, GENES)), rng.normal(size=(15, 4))

    together = evolution.population_policy(genomes, episodes=3)(observations)

    alone = [
        deep.greedy(evolution.unpack(genome), "tanh")(rows)
        for genome, rows in zip(genomes, observations.reshape(5, 3, 4), strict=True)
    ]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_genes_fill_every_weight_once() -> None:
    pieces = evolution.unpack(np.arange(GENES))

    assert [piece.shape for piece in pieces] == list(evolution.SHAPES)
    assert np.concatenate([piece.ravel() for piece in pieces]).tolist() == list(range(GENES))


def test_children_take_each_gene_from_one_of_two_parents() -> None:
    parents = np.array([np.zeros(1000), np.ones(1000), np.full(1000, 2.0)])
    children = evolution.breed(parents, 50, 0.0, np.random.default_rng(0))

    assert all(len(np.unique(child)) <= 2 for child in children)
    mixed = [child for child in children if len(np.unique(child)) == 2]
    shares = [(child == child.max()).mean() for child in mixed]
    assert len(mixed) > 20
    assert np.abs(np.array(shares) - 0.5).max() < 0.07


def test_mutation_has_its_standard_deviation() -> None:
    children = evolution.breed(np.zeros((2, 2000)), 10, 0.3, np.random.default_rng(0))

    assert abs(children.std() - 0.3) < 0.01
    assert abs(children.mean()) < 0.01


def test_generations_improve_and_random_search_does_not() -> None:
    bred = evolution.evolve(Genetic(steps=40_000), seed=1)
    drawn = evolution.evolve(Genetic(steps=10_000, breed=False), seed=1)

    assert bred.values[-1] > 3 * bred.values[0]
    assert max(drawn.values) < 100
    assert bred.values[0] == drawn.values[0]


def test_same_seed_evolves_the_same_population() -> None:
    first, second = (evolution.evolve(Genetic(steps=3_000), seed=4) for _ in range(2))

    assert (first.steps, first.returns) == (second.steps, second.returns)
