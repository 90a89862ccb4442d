"""What a graph network must beat: methods without training, or without the graph."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from chapters.ch22_gcn.graphs import ATOMS, Molecules
from chapters.ch22_gcn.taught import normalised_laplacian

Array = npt.NDArray[Any]


def fiedler_signs(adjacency: Array) -> Array:
    """Splits a connected graph in two by the sign of its Fiedler vector (1973).

    Args:
        adjacency: Shape ``(nodes, nodes)``.

    Returns:
        0 or 1 for each node; node 0 has 0.
    """
    _, eigenvectors = np.linalg.eigh(np.diag(adjacency.sum(axis=1)) - adjacency.astype("float64"))
    positive = eigenvectors[:, 1] > 0
    return (positive != positive[0]).astype(int)


def spread_labels(adjacency: Array, labels: Array, labelled: Array, steps: int = 300) -> Array:
    """Gives each node the mean of its neighbours again and again, known classes held fixed (Zhu et al., ICML 2003).

    Args:
        adjacency: Shape ``(nodes, nodes)``.
        labels: Classes; only those of the labelled nodes are read.
        labelled: Bool mask, shape ``(nodes,)``.
        steps: Number of rounds.

    Returns:
        Predicted class of each node; class 0 where no label reaches.
    """
    known = np.eye(labels.max() + 1)[labels] * labelled[:, None]
    mean = adjacency / np.maximum(adjacency.sum(axis=1, keepdims=True), 1)
    scores = known
    for _ in range(steps):
        scores = np.where(labelled[:, None], known, mean @ scores)
    return np.asarray(scores.argmax(axis=1))


def spread_discounted(adjacency: Array, labels: Array, labelled: Array, discount: float = 0.5) -> Array:
    """Sums the labels over all walks, each step counting less (Zhou et al., NIPS 2003).

    Args:
        adjacency: Shape ``(nodes, nodes)``; each node has an edge.
        labels: Classes; only those of the labelled nodes are read.
        labelled: Bool mask, shape ``(nodes,)``.
        discount: What a step counts, between 0 and 1.

    Returns:
        Predicted class of each node.
    """
    known = np.eye(labels.max() + 1)[labels] * labelled[:, None]
    step = np.eye(len(adjacency)) - normalised_laplacian(adjacency)
    return np.asarray(np.linalg.solve(np.eye(len(adjacency)) - discount * step, known).argmax(axis=1))


def common_neighbours(known: Array) -> Array:
    """Counts the common neighbours of all pairs, shape ``(nodes, nodes)``."""
    return np.asarray(known @ known)


def adamic_adar(known: Array) -> Array:
    """Counts common neighbours, each by 1 / log of its degree (Adamic & Adar, 2003).

    Args:
        known: Adjacency, shape ``(nodes, nodes)``.

    Returns:
        Scores of all pairs; a neighbour of degree 1 is common to nobody.
    """
    degrees = known.sum(axis=1)
    weights = np.where(degrees > 1, 1 / np.log(np.maximum(degrees, 2)), 0)
    return np.asarray((known * weights) @ known)


def bag_of_atoms(molecules: Molecules) -> Array:
    """Counts atoms of each kind and nodes of each degree: what is left of a molecule without its wiring.

    Returns:
        Shape ``(graphs, 3 + 4)``, float64.
    """
    return np.array([[*_atom_counts(graph), *_degree_counts(graph)] for graph in molecules.graphs], "float64")


def _atom_counts(graph: nx.Graph) -> Array:
    return np.bincount([graph.nodes[node]["atom"] for node in graph], minlength=len(ATOMS))


def _degree_counts(graph: nx.Graph) -> Array:
    return np.bincount([degree for _, degree in graph.degree], minlength=5)[1:]


def hit_rate(scores: Array, known: Array, held_out: Array, first: int = 10) -> float:
    """Returns the share of users whose held-out item is among the best that they do not have yet.

    Args:
        scores: Shape ``(users, items)``.
        known: Purchases, 1 or 0, same shape.
        held_out: Item of each user, shape ``(users,)``.
        first: Length of the list that is shown to a user.

    Returns:
        Between 0 and 1.
    """
    open_scores = np.where(known > 0, -np.inf, scores)
    own = open_scores[np.arange(len(held_out)), held_out]
    return float(np.mean((open_scores > own[:, None]).sum(axis=1) < first))
