"""Graphs of chapter 22: the karate club of networkx, and drawn graphs whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CLUBS = ("Mr. Hi", "Officer")
"""The two clubs after the split, as networkx names them; Mr. Hi is node 0, the officer node 33."""

ATOMS = ("C", "N", "O")


class NodeTask(NamedTuple):
    """A graph whose nodes have features and a class.

    Attributes:
        graph: Nodes are numbered from 0.
        features: Shape ``(nodes, features)``, float32.
        labels: Shape ``(nodes,)``, int.
    """

    graph: nx.Graph
    features: Array
    labels: Array


class Molecules(NamedTuple):
    """Small graphs of different sizes, padded to the largest.

    Attributes:
        graphs: Node attribute ``atom`` is an index into :data:`ATOMS`.
        features: One-hot atoms, shape ``(graphs, nodes, 3)``, float32; zero where padded.
        adjacency: Shape ``(graphs, nodes, nodes)``, float32; zero where padded.
        mask: Shape ``(graphs, nodes)``, float32; 1 for a node, 0 for padding.
        labels: 1 where a nitrogen is bound to an oxygen, else 0.
    """

    graphs: list[nx.Graph]
    features: Array
    adjacency: Array
    mask: Array
    labels: Array


class LinkSplit(NamedTuple):
    """Edges that are known, and pairs of nodes to be told apart.

    Attributes:
        known: Adjacency without the held-out edges, shape ``(nodes, nodes)``, float32.
        edges: Held-out edges, shape ``(pairs, 2)``.
        strangers: As many pairs that are no edge, shape ``(pairs, 2)``.
    """

    known: Array
    edges: Array
    strangers: Array


class Purchases(NamedTuple):
    """Who bought what, with one purchase of each user held out.

    Attributes:
        known: 1 where a user bought an item, shape ``(users, items)``, float32.
        held_out: The item of each user that is to be found, shape ``(users,)``.
    """

    known: Array
    held_out: Array


def adjacency_matrix(graph: nx.Graph) -> Array:
    """Returns the unweighted adjacency matrix, nodes in ascending order, float32."""
    return np.asarray(nx.to_numpy_array(graph, nodelist=sorted(graph), weight=None, dtype="float32"))


def karate_club() -> NodeTask:
    """Loads Zachary's karate club (1977) from networkx: 34 members, 78 friendships, the club each joined.

    Returns:
        The graph; one-hot features, because nothing but the friendships is known; labels as in :data:`CLUBS`.
    """
    graph = nx.karate_club_graph()
    labels = np.array([CLUBS.index(graph.nodes[node]["club"]) for node in sorted(graph)])
    return NodeTask(graph, np.eye(len(labels), dtype="float32"), labels)


def communities(
    seed: int,
    sizes: Sequence[int] = (60, 60, 60),
    within: float = 0.10,
    between: float = 0.02,
    signal: float = 0.6,
    width: int = 8,
) -> NodeTask:
    """Draws a stochastic block model (Holland et al., 1983) whose nodes have noisy features.

    Features are standard normal noise plus ``signal`` on the entry of the node's class.

    Args:
        seed: Seed of edges and features.
        sizes: Nodes of each class.
        within: Chance of an edge between two nodes of one class.
        between: Chance of an edge between two nodes of different classes.
        signal: How far the classes' features lie apart.
        width: Number of features, at least the number of classes.

    Returns:
        The graph with features and labels.

    Raises:
        ValueError: If there are fewer features than classes.
    """
    if width < len(sizes):
        raise ValueError(
            f"特徴の数 {width} はクラスの数 {len(sizes)} 以上にしてください。 / "
            f"width is {width}, fewer than the {len(sizes)} classes."
        )
    rng = np.random.default_rng(seed)
    chances = np.full((len(sizes), len(sizes)), between)
    np.fill_diagonal(chances, within)
    graph = nx.stochastic_block_model(list(sizes), chances, seed=int(rng.integers(2**31)))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    features = rng.normal(size=(len(labels), width)) + signal * np.eye(len(sizes), width)[labels]
    return NodeTask(graph, features.astype("float32"), labels)


def choose_labelled(labels: Array, each: int, seed: int) -> Array:
    """Chooses the nodes whose class is told.

    Args:
        labels: Shape ``(nodes,)``.
        each: Nodes of each class.
        seed: Seed of the choice.

    Returns:
        Bool mask, shape ``(nodes,)``.
    """
    rng = np.random.default_rng(seed)
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        mask[rng.choice(np.flatnonzero(labels == label), each, replace=False)] = True
    return mask


def towns(seed: int, nodes: int = 200, radius: float = 0.13) -> nx.Graph:
    """Draws a random geometric graph: points in a square, joined when near; node attribute ``pos``."""
    return nx.random_geometric_graph(nodes, radius, seed=seed)


def split_links(graph: nx.Graph, share: float, seed: int) -> LinkSplit:
    """Holds out edges, and draws as many pairs that are no edge.

    Args:
        graph: Nodes are numbered from 0.
        share: Share of the edges to hold out.
        seed: Seed of the choice.

    Returns:
        The split; no held-out edge is left in ``known``.
    """
    rng = np.random.default_rng(seed)
    known = adjacency_matrix(graph)
    rows, columns = np.nonzero(np.triu(known, 1))
    chosen = rng.choice(len(rows), round(share * len(rows)), replace=False)
    edges = np.stack([rows[chosen], columns[chosen]], axis=1)
    rows, columns = np.nonzero(np.triu(1 - known, 1))
    drawn = rng.choice(len(rows), len(edges), replace=False)
    strangers = np.stack([rows[drawn], columns[drawn]], axis=1)
    for first, second in (edges.T, edges.T[::-1]):
        known[first, second] = 0
    return LinkSplit(known, edges, strangers)


def molecules(count: int, seed: int, smallest: int = 8, largest: int = 16) -> Molecules:
    """Draws molecule-like graphs: a random tree of atoms with at most four bonds each, and sometimes a ring.

    Every graph has two nitrogens and two oxygens, so that counting atoms tells nothing. In half of them a nitrogen is bound
    to an oxygen. The places are drawn until the label comes out as wanted.

    Args:
        count: Number of graphs.
        seed: Seed of everything.
        smallest: Fewest atoms.
        largest: Most atoms.

    Returns:
        The graphs, padded to ``largest`` nodes, labels 0 and 1 in turn.
    """
    rng = np.random.default_rng(seed)
    graphs = [
        _molecule(rng, int(rng.integers(smallest, largest + 1)), index % 2 == 1) for index in range(count)
    ]
    features = np.zeros((count, largest, len(ATOMS)), "float32")
    adjacency = np.zeros((count, largest, largest), "float32")
    mask = np.zeros((count, largest), "float32")
    for index, graph in enumerate(graphs):
        size = len(graph)
        features[index, :size] = np.eye(len(ATOMS))[[graph.nodes[node]["atom"] for node in range(size)]]
        adjacency[index, :size, :size] = adjacency_matrix(graph)
        mask[index, :size] = 1
    return Molecules(graphs, features, adjacency, mask, np.arange(count) % 2)


def _molecule(rng: np.random.Generator, size: int, bound: bool) -> nx.Graph:
    graph = _skeleton(rng, size)
    carbon, nitrogen, oxygen = range(len(ATOMS))
    while True:
        atoms = np.full(size, carbon)
        places = rng.choice(size, 4, replace=False)
        atoms[places[:2]], atoms[places[2:]] = nitrogen, oxygen
        if bound == any({atoms[a], atoms[b]} == {nitrogen, oxygen} for a, b in graph.edges):
            nx.set_node_attributes(graph, dict(enumerate(atoms.tolist())), "atom")
            return graph


def _skeleton(rng: np.random.Generator, size: int) -> nx.Graph:
    graph = nx.Graph()
    graph.add_node(0)
    for node in range(1, size):
        free = [other for other in graph if graph.degree[other] < 4]
        graph.add_edge(node, int(rng.choice(free)))
    open_pairs = [
        (a, b)
        for a, b in nx.non_edges(graph)
        if graph.degree[a] < 4 and graph.degree[b] < 4 and nx.shortest_path_length(graph, a, b) >= 4
    ]
    if open_pairs:
        graph.add_edge(*open_pairs[rng.integers(len(open_pairs))])
    return graph


def purchases(seed: int, users: int = 120, items: int = 80, tastes: int = 4, each: int = 8) -> Purchases:
    """Draws purchases: every user and item has a taste, and some items are bought more by all.

    Args:
        seed: Seed of everything.
        users: Number of users.
        items: Number of items.
        tastes: Number of tastes.
        each: Purchases of each user, the held-out one included.

    Returns:
        The purchases.
    """
    rng = np.random.default_rng(seed)
    popularity = rng.lognormal(0, 0.6, items)
    item_tastes, user_tastes = rng.integers(0, tastes, items), rng.integers(0, tastes, users)
    known = np.zeros((users, items), "float32")
    held_out = np.zeros(users, int)
    for user in range(users):
        chance = popularity * np.where(item_tastes == user_tastes[user], 8, 1)
        bought = rng.choice(items, each, replace=False, p=chance / chance.sum())
        known[user, bought[1:]] = 1
        held_out[user] = bought[0]
    return Purchases(known, held_out)
