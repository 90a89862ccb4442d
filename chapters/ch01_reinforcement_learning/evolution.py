"""A genetic algorithm on CartPole-v1, and random search beside it: no gradient, whole episodes only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chapters.ch01_reinforcement_learning.cartpole import Episodes, Policy, play
from chapters.ch01_reinforcement_learning.deep import SCALE, Progress

Array = npt.NDArray[Any]

HIDDEN = 8
SHAPES = ((4, HIDDEN), (HIDDEN,), (HIDDEN, 2), (2,))
"""Kernels and biases that the genes of one individual fill, in this order."""

GENES = sum(int(np.prod(shape)) for shape in SHAPES)


@dataclass(frozen=True)
class Genetic:
    """Settings of a genetic algorithm, Holland 1975, whose genes are real numbers.

    Attributes:
        steps: Steps in the environment, at least; the last generation finishes its episodes.
        population: Individuals in a generation.
        elites: Individuals that survive and are parents.
        episodes: Episodes in which an individual shows its fitness.
        mutation: Standard deviation of what is added to each gene of a child.
        breed: Whether children descend from elites; if not, they are drawn anew: random search.
    """

    steps: int = 150_000
    population: int = 40
    elites: int = 8
    episodes: int = 2
    mutation: float = 0.3
    breed: bool = True


def unpack(genomes: Array) -> list[Array]:
    """Cuts genes into kernels and biases.

    Args:
        genomes: Shape ``(..., GENES)``.

    Returns:
        An array of shape ``(..., *shape)`` for each of :data:`SHAPES`.
    """
    ends = np.cumsum([np.prod(shape) for shape in SHAPES])[:-1]
    pieces = np.split(genomes, ends, axis=-1)
    return [p.reshape(*p.shape[:-1], *shape) for p, shape in zip(pieces, SHAPES, strict=True)]


def population_policy(genomes: Array, episodes: int) -> Policy:
    """Lets every individual act in its own episodes.

    Args:
        genomes: Shape ``(population, GENES)``.
        episodes: Episodes of each individual, side by side.

    Returns:
        Policy for ``population * episodes`` environments.
    """
    hidden_kernel, hidden_bias, kernel, bias = unpack(genomes)

    def act(observations: Array) -> Array:
        x = (observations * SCALE).reshape(len(genomes), episodes, 4)
        hidden = np.tanh(x @ hidden_kernel + hidden_bias[:, None])
        return np.asarray((hidden @ kernel + bias[:, None]).argmax(axis=2).reshape(-1))

    return act


def breed(parents: Array, children: int, mutation: float, rng: np.random.Generator) -> Array:
    """Makes children by uniform crossover (Syswerda 1989) of two parents and Gaussian mutation.

    Args:
        parents: Shape ``(parents, genes)``.
        children: How many.
        mutation: Standard deviation.
        rng: Source of everything random.

    Returns:
        Shape ``(children, genes)``.
    """
    mothers, fathers = parents[rng.integers(len(parents), size=(2, children))]
    from_mother = rng.random(mothers.shape) < 0.5
    noise = rng.normal(0, mutation, mothers.shape)
    return np.asarray(np.where(from_mother, mothers, fathers) + noise)


def evaluate(genomes: Array, episodes: int, seed: int) -> tuple[Array, Episodes]:
    """Measures fitness: the mean return of each individual.

    Args:
        genomes: Shape ``(population, GENES)``.
        episodes: Episodes of each individual.
        seed: Seed of the starts.

    Returns:
        Fitness, shape ``(population,)``, and the episodes.
    """
    played = play(population_policy(genomes, episodes), len(genomes) * episodes, seed)
    return played.lengths.reshape(len(genomes), episodes).mean(axis=1), played


def evolve(settings: Genetic, seed: int) -> Progress:
    """Searches CartPole-v1 for a policy, generation by generation.

    Args:
        settings: What to do.
        seed: Seed of genes and starts.

    Returns:
        What was measured on the way: the fittest individual of each generation (of all so far, in random search).
    """
    rng = np.random.default_rng(seed)
    genomes = rng.normal(size=(settings.population, GENES))
    champion, record = genomes[0], 0.0
    progress, steps = Progress(), 0
    while steps < settings.steps:
        fitness, episodes = evaluate(genomes, settings.episodes, int(rng.integers(2**31)))
        steps += int(episodes.alive.sum())
        order = np.argsort(-fitness, kind="stable")
        if settings.breed or fitness[order[0]] > record:
            champion, record = genomes[order[0]], float(fitness[order[0]])
        progress.watch(steps, unpack(champion), float(fitness.mean()), "tanh")
        if settings.breed:
            elites = genomes[order[: settings.elites]]
            children = breed(elites, len(genomes) - len(elites), settings.mutation, rng)
            genomes = np.concatenate([elites, children])
        else:
            genomes = rng.normal(size=genomes.shape)
    return progress
