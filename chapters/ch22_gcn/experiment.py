"""Graph networks against what needs no training or no graph: once in the notebook, over many seeds from here.

    python -m chapters.ch22_gcn.experiment karate      # two known members, 50 seeds
    python -m chapters.ch22_gcn.experiment nodes       # drawn communities, from unlike to like neighbours
    python -m chapters.ch22_gcn.experiment depth       # 1 to 16 layers, with and without residual connections
    python -m chapters.ch22_gcn.experiment links       # held-out edges of two kinds of graphs
    python -m chapters.ch22_gcn.experiment graphs      # drawn molecules
    python -m chapters.ch22_gcn.experiment recommend   # one purchase of each user held out

Each command writes what it measured into ``results.json``, which the notebook reads and plots. Sizes, steps and
rates were chosen on seeds 11 to 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import networkx as nx
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from chapters.ch22_gcn import baselines, graphs, taught
from chapters.ch22_gcn.graphs import Molecules, NodeTask, Purchases
from course_utils.results import read_results, run_experiment

RESULTS = Path(__file__).with_name("results.json")
SEEDS = (1, 2, 3, 4, 5)
KARATE_SEEDS = tuple(range(1, 51))
LEADERS = (0, 33)
CLASSES, MEAN_DEGREE, LABELS_OF_A_CLASS = 3, 9.0, 5
LIKENESS = (0.1, 0.33, 0.5, 0.7, 0.9)
"""Shares of edges between nodes of one class; with three classes a third tells nothing."""

DEPTHS = (1, 2, 4, 8, 16)
HELD_OUT = 0.2

Array = npt.NDArray[Any]


@dataclass
class Score:
    """What one method scored.

    Attributes:
        setting: What it was tried on.
        method: The method.
        seed: Seed of the data, the choice of labels, and the weights.
        score: Karate club: correct members of 34; links: AUC; purchases: hit rate; else accuracy.
    """

    setting: str
    method: str
    seed: int
    score: float


@dataclass
class Depth:
    """What a network of some depth scored on drawn communities.

    Attributes:
        depth: Number of graph convolutions.
        residual: Whether it has residual connections.
        seed: Seed of graph and weights.
        accuracy: On the nodes without a label.
        trained: On the labelled nodes.
        energy: Dirichlet energy of what goes into the last layer, divided by its square norm.
    """

    depth: int
    residual: bool
    seed: int
    accuracy: float
    trained: float
    energy: float


Measured = Score | Depth


def mask_of(nodes: tuple[int, ...] | Array, count: int) -> Array:
    """Marks nodes in a bool mask, shape ``(count,)``."""
    mask = np.zeros(count, bool)
    mask[list(nodes)] = True
    return mask


def karate_by_gcn(task: NodeTask, labelled: Array, seed: int) -> Array:
    """Trains two layers with the labels of two members; returns the predicted club of all 34."""
    keras.utils.set_random_seed(seed)
    model = taught.node_classifier(34, 2, dropout=0.5)
    return np.asarray(
        taught.fit_nodes(model, task.features, propagation_of(task.graph), task.labels, labelled)
    )


def propagation_of(graph: nx.Graph) -> Array:
    """Returns a graph's propagation matrix, float32, shape ``(nodes, nodes)``."""
    return np.asarray(taught.propagation_matrix(graphs.adjacency_matrix(graph)))


def karate_results() -> Iterator[Score]:
    """Measures the karate club with the two leaders known, and with a random member of each club known."""
    task = graphs.karate_club()
    adjacency = graphs.adjacency_matrix(task.graph)
    for seed in KARATE_SEEDS:
        for setting, labelled in (
            ("指導者", mask_of(LEADERS, 34)),
            ("無作為な 2 人", graphs.choose_labelled(task.labels, 1, seed)),
        ):
            found = {
                "GCN": karate_by_gcn(task, labelled, seed),
                "ラベル伝播": baselines.spread_labels(adjacency, task.labels, labelled),
                "割り引くラベル伝播": baselines.spread_discounted(adjacency, task.labels, labelled),
            }
            for method, clubs in found.items():
                yield Score(setting, method, seed, int((clubs == task.labels).sum()))


def drawn_communities(likeness: float, seed: int, size: int = 60) -> NodeTask:
    """Draws three communities whose nodes have nine neighbours on average, whatever the likeness.

    Args:
        likeness: Expected share of the edges that join nodes of one class.
        seed: Seed of the graph.
        size: Nodes of each class.

    Returns:
        The graph.
    """
    within = likeness * MEAN_DEGREE / size
    between = (1 - likeness) * MEAN_DEGREE / ((CLASSES - 1) * size)
    return graphs.communities(seed, (size,) * CLASSES, within, between, signal=1.0)


def accuracy_of_rest(predicted: Array, task: NodeTask, labelled: Array) -> float:
    """Computes the accuracy on the nodes whose class was not told."""
    return float((predicted == task.labels)[~labelled].mean())


def node_scores(likeness: float, seed: int) -> Iterator[Score]:
    """Measures GCN, the same network without the graph, and label propagation on one drawn graph."""
    task = drawn_communities(likeness, seed)
    labelled = graphs.choose_labelled(task.labels, LABELS_OF_A_CLASS, seed)
    setting = f"{likeness}"
    alone = np.eye(len(task.labels), dtype="float32")
    for method, propagation in (("GCN", propagation_of(task.graph)), ("特徴だけ", alone)):
        keras.utils.set_random_seed(seed)
        model = taught.node_classifier(task.features.shape[1], CLASSES, dropout=0.5)
        found = taught.fit_nodes(model, task.features, propagation, task.labels, labelled)
        yield Score(setting, method, seed, accuracy_of_rest(found, task, labelled))
        if method == "GCN":
            yield Score(setting, "GCN、別の 2 倍のグラフ", seed, accuracy_elsewhere(model, likeness, seed))
    spread = baselines.spread_labels(graphs.adjacency_matrix(task.graph), task.labels, labelled)
    yield Score(setting, "ラベル伝播", seed, accuracy_of_rest(spread, task, labelled))


def accuracy_elsewhere(model: keras.Model, likeness: float, seed: int) -> float:
    """Computes a trained network's accuracy on a graph that it never saw, twice as large."""
    other = drawn_communities(likeness, 1000 + seed, size=120)
    found = taught.predict_nodes(model, other.features, propagation_of(other.graph))
    return float((found == other.labels).mean())


def depth_result(depth: int, residual: bool, seed: int) -> Depth:
    """Trains a network of the given depth on drawn communities, and looks at its last hidden features."""
    task = drawn_communities(0.7, seed)
    labelled = graphs.choose_labelled(task.labels, LABELS_OF_A_CLASS, seed)
    propagation = propagation_of(task.graph)
    keras.utils.set_random_seed(seed)
    model = taught.node_classifier(task.features.shape[1], CLASSES, depth=depth, residual=residual)
    found = taught.fit_nodes(model, task.features, propagation, task.labels, labelled)
    trained = float((found == task.labels)[labelled].mean())
    last = keras.Model(model.inputs, model.layers[-1].input[0])
    hidden = last.predict_on_batch((task.features[None], propagation[None]))[0]
    energy = _relative_energy(hidden, propagation)
    return Depth(depth, residual, seed, accuracy_of_rest(found, task, labelled), trained, energy)


def _relative_energy(features: Array, propagation: Array) -> float:
    """Computes ``tr(X^T (I - P) X) / tr(X^T X)``: 0 when nothing but the dominant eigenvector is left.

    Args:
        features: Shape ``(nodes, features)``.
        propagation: Shape ``(nodes, nodes)``.

    Returns:
        Between 0 and 2; 0 for features that are all zero.
    """
    features = features.astype("float64")
    length = float((features**2).sum())
    return float(np.sum(features * (features - propagation @ features))) / length if length else 0.0


def link_graph(kind: str, seed: int) -> tuple[nx.Graph, Array]:
    """Draws a graph for link prediction, and the features of its nodes.

    Args:
        kind: ``"町"``, points joined when near, without features, or ``"集団"``, six communities with noisy features.
        seed: Seed of the graph.

    Returns:
        The graph and its features, shape ``(nodes, features)``.
    """
    if kind == "町":
        graph = graphs.towns(seed)
        return graph, np.eye(len(graph), dtype="float32")
    task = graphs.communities(seed, (30,) * 6, within=0.2, between=0.01, signal=1.0)
    return task.graph, task.features


def link_scores(kind: str, seed: int) -> Iterator[Score]:
    """Measures link prediction on one graph; the leaking network sees the edges that it is asked for."""
    graph, features = link_graph(kind, seed)
    split = graphs.split_links(graph, HELD_OUT, seed)
    degrees = split.known.sum(axis=1)
    scores = {
        "次数の積": np.outer(degrees, degrees),
        "特徴の内積": features @ features.T,
        "共通の隣": baselines.common_neighbours(split.known),
        "Adamic-Adar": baselines.adamic_adar(split.known),
    }
    for method, seen in (("GCN", split.known), ("GCN (答えが漏れた)", graphs.adjacency_matrix(graph))):
        keras.utils.set_random_seed(seed)
        scores[method] = taught.fit_links(taught.link_model(features.shape[1]), features, seen)
    truth = np.repeat([1, 0], len(split.edges))
    asked = tuple(np.concatenate([split.edges, split.strangers]).T)
    for method, pairs in scores.items():
        yield Score(kind, method, seed, float(roc_auc_score(truth, pairs[asked])))


def molecule_accuracy(model: keras.Model, molecules: Molecules, *, bonds: bool = True) -> float:
    """Computes a graph classifier's accuracy."""
    logits = model.predict_on_batch(graph_inputs(molecules, bonds=bonds))[:, 0]
    return float(((logits > 0) == (molecules.labels == 1)).mean())


def graph_inputs(molecules: Molecules, *, bonds: bool = True) -> list[Array]:
    """Returns what a graph classifier takes: features, propagation and mask.

    Args:
        molecules: Padded graphs.
        bonds: Whether to show the bonds; without them each atom sees only itself.
    """
    adjacency = molecules.adjacency if bonds else np.zeros_like(molecules.adjacency)
    return [molecules.features, taught.propagation_matrix(adjacency), molecules.mask]


def molecules_of(seed: int) -> tuple[Molecules, Molecules]:
    """Draws 400 molecules to train on and 400 others to test on."""
    return graphs.molecules(400, seed), graphs.molecules(400, 1000 + seed)


def molecule_scores(seed: int) -> Iterator[Score]:
    """Measures graph classification with and without bonds, and from counts alone."""
    train, test = molecules_of(seed)
    counts = LogisticRegression(max_iter=1000).fit(baselines.bag_of_atoms(train), train.labels)
    score = counts.score(baselines.bag_of_atoms(test), test.labels)
    yield Score("分子", "原子と次数を数える", seed, float(score))
    for method, depth, bonds in (("辺を見ない", 3, False), ("GCN 1 層", 1, True), ("GCN 3 層", 3, True)):
        keras.utils.set_random_seed(seed)
        model = taught.graph_classifier(len(graphs.ATOMS), depth=depth)
        taught.fit_graphs(model, graph_inputs(train, bonds=bonds), train.labels)
        yield Score("分子", method, seed, molecule_accuracy(model, test, bonds=bonds))


def recommend_by_gcn(purchases: Purchases, seed: int) -> Array:
    """Trains a link predictor on the graph of users and items; returns scores ``(users, items)``."""
    keras.utils.set_random_seed(seed)
    return np.asarray(taught.recommend(purchases.known))


def recommend_scores(seed: int) -> Iterator[Score]:
    """Measures recommendation: popularity, what those with the same purchases bought, and GCN."""
    purchases = graphs.purchases(seed)
    known = purchases.known
    for method, scores in (
        ("人気順", np.tile(known.sum(axis=0), (len(known), 1))),
        ("同じ物を買った人", known @ known.T @ known),
        ("GCN", recommend_by_gcn(purchases, seed)),
    ):
        yield Score("買い物", method, seed, baselines.hit_rate(scores, known, purchases.held_out))


def node_results() -> Iterator[Score]:
    """Measures node classification, from unlike to like neighbours."""
    for likeness in LIKENESS:
        for seed in SEEDS:
            yield from node_scores(likeness, seed)


def depth_results() -> Iterator[Depth]:
    """Measures each depth, with and without residual connections."""
    for residual in (False, True):
        for depth in DEPTHS:
            for seed in SEEDS:
                yield depth_result(depth, residual, seed)


def link_results() -> Iterator[Score]:
    """Measures link prediction on both kinds of graphs."""
    for kind in ("町", "集団"):
        for seed in SEEDS:
            yield from link_scores(kind, seed)


def molecule_results() -> Iterator[Score]:
    """Measures graph classification."""
    for seed in SEEDS:
        yield from molecule_scores(seed)


def recommend_results() -> Iterator[Score]:
    """Measures recommendation."""
    for seed in SEEDS:
        yield from recommend_scores(seed)


EXPERIMENTS: dict[str, Callable[[], Iterator[Measured]]] = {
    "karate": karate_results,
    "nodes": node_results,
    "depth": depth_results,
    "links": link_results,
    "graphs": molecule_results,
    "recommend": recommend_results,
}
"""What each name on the command line measures."""


def stored_results(name: str) -> list[Any]:
    """Reads what an experiment measured.

    Args:
        name: A key of :data:`EXPERIMENTS`.

    Returns:
        Its results; empty where that experiment was not run.
    """
    kind = Depth if name == "depth" else Score
    return [kind(**result) for result in read_results(RESULTS, name)]


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 22, EXPERIMENTS)
