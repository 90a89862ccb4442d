"""Chapter 22's baselines against cases worked by hand, networkx and scikit-learn."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from chapters.ch22_gcn import baselines, graphs


def barbell() -> nx.Graph:
    """Two cliques of four, joined by an edge."""
    return nx.barbell_graph(4, 0)


def test_fiedler_vector_cuts_a_barbell_at_its_bridge() -> None:
    found = baselines.fiedler_signs(graphs.adjacency_matrix(barbell()))

    assert found.tolist() == [0] * 4 + [1] * 4


def test_labels_spread_along_a_path_to_the_nearer_end() -> None:
    adjacency = graphs.adjacency_matrix(nx.path_graph(6))
    labels = np.array([1, 0, 0, 0, 0, 0])
    labelled = np.array([True, False, False, False, False, True])

    assert baselines.spread_labels(adjacency, labels, labelled).tolist() == [1, 1, 1, 0, 0, 0]


def test_discounted_labels_are_a_sum_over_walks() -> None:
    task = graphs.karate_club()
    adjacency = graphs.adjacency_matrix(task.graph).astype("float64")
    labelled = graphs.choose_labelled(task.labels, 1, seed=4)
    step = adjacency / np.sqrt(np.outer(adjacency.sum(axis=1), adjacency.sum(axis=1)))
    known = np.eye(2)[task.labels] * labelled[:, None]
    walks = sum(0.5**k * np.linalg.matrix_power(step, k) @ known for k in range(60))

    found = baselines.spread_discounted(adjacency, task.labels, labelled)

    np.testing.assert_array_equal(found, np.asarray(walks).argmax(axis=1))


def test_hidden_labels_are_not_read() -> None:
    task = graphs.communities(1, (10, 10), within=0.5, between=0.1)
    labelled = graphs.choose_labelled(task.labels, 2, seed=1)
    adjacency = graphs.adjacency_matrix(task.graph)

    for method in (baselines.spread_labels, baselines.spread_discounted):
        honest, lies = (
            method(adjacency, labels, labelled)
            for labels in (task.labels, np.where(labelled, task.labels, 1))
        )
        np.testing.assert_array_equal(honest, lies)


def test_neighbour_counts_are_those_of_networkx() -> None:
    graph = nx.gnp_random_graph(15, 0.3, seed=2)
    graph.add_edge(0, 15)  # a node of degree 1
    known = graphs.adjacency_matrix(graph)

    common, weighted = baselines.common_neighbours(known), baselines.adamic_adar(known)

    for a, b, score in nx.adamic_adar_index(graph):
        assert weighted[a, b] == pytest.approx(score)
        assert common[a, b] == len(list(nx.common_neighbors(graph, a, b)))


def test_karate_club_splits_without_training() -> None:
    task = graphs.karate_club()
    adjacency = graphs.adjacency_matrix(task.graph)
    leaders = np.isin(np.arange(34), [0, 33])

    assert (baselines.fiedler_signs(adjacency) == task.labels).sum() == 32
    assert (baselines.spread_labels(adjacency, task.labels, leaders) == task.labels).sum() == 33


def test_bag_counts_atoms_and_degrees() -> None:
    drawn = graphs.molecules(6, seed=1)

    bags = baselines.bag_of_atoms(drawn)

    sizes = [len(graph) for graph in drawn.graphs]
    assert bags[:, :3].sum(axis=1).tolist() == bags[:, 3:].sum(axis=1).tolist() == sizes
    assert bags[:, 1:3].tolist() == [[2, 2]] * 6


def test_hit_rate_looks_past_what_a_user_has() -> None:
    scores = np.array([[9.0, 8.0, 3.0, 1.0], [9.0, 8.0, 3.0, 1.0]])
    known = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])

    assert baselines.hit_rate(scores, known, np.array([1, 1]), first=1) == 0.5
    assert baselines.hit_rate(scores, known, np.array([1, 1]), first=2) == 1
