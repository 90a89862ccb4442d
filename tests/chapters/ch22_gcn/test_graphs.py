"""Chapter 22's graphs: what is known of each by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from chapters.ch22_gcn import graphs


def test_adjacency_ignores_weights_and_the_order_of_insertion() -> None:
    graph = nx.Graph()
    graph.add_edge(2, 0, weight=5)
    graph.add_node(1)

    np.testing.assert_array_equal(graphs.adjacency_matrix(graph), [[0, 0, 1], [0, 0, 0], [1, 0, 0]])


def test_karate_club_is_zacharys() -> None:
    club = graphs.karate_club()

    assert (len(club.graph), club.graph.number_of_edges()) == (34, 78)
    assert np.bincount(club.labels).tolist() == [17, 17]
    assert club.labels[[0, 33]].tolist() == [0, 1]
    np.testing.assert_array_equal(club.features, np.eye(34))


def test_communities_have_the_edges_and_features_that_were_asked_for() -> None:
    task = graphs.communities(1, (150, 150), within=0.2, between=0.05, signal=2.0, width=3)

    adjacency = graphs.adjacency_matrix(task.graph)
    same = task.labels[:, None] == task.labels
    assert adjacency[same].mean() == pytest.approx(0.2, abs=0.02)
    assert adjacency[~same].mean() == pytest.approx(0.05, abs=0.02)
    means = [task.features[task.labels == label].mean(axis=0) for label in (0, 1)]
    np.testing.assert_allclose(means, [[2, 0, 0], [0, 2, 0]], atol=0.35)


def test_communities_follow_their_seed() -> None:
    first, again, other = (graphs.communities(seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first.features, again.features)
    assert set(first.graph.edges) == set(again.graph.edges)
    assert set(first.graph.edges) != set(other.graph.edges)


def test_communities_refuse_fewer_features_than_classes() -> None:
    with pytest.raises(ValueError, match=r"特徴の数 2 .* / .*3 classes"):
        graphs.communities(1, (5, 5, 5), width=2)


def test_labels_are_chosen_from_each_class() -> None:
    labels = np.repeat([0, 1, 2], [10, 20, 30])

    mask = graphs.choose_labelled(labels, 4, seed=3)

    assert np.bincount(labels[mask]).tolist() == [4, 4, 4]
    assert (mask != graphs.choose_labelled(labels, 4, seed=4)).any()


def test_held_out_edges_leave_the_graph_and_strangers_are_no_edges() -> None:
    graph = graphs.towns(seed=1, nodes=60, radius=0.2)
    whole = graphs.adjacency_matrix(graph)

    split = graphs.split_links(graph, 0.25, seed=2)

    assert len(split.edges) == len(split.strangers) == round(0.25 * graph.number_of_edges())
    assert whole[tuple(split.edges.T)].all()
    assert not whole[tuple(split.strangers.T)].any()
    assert (split.strangers[:, 0] != split.strangers[:, 1]).all()
    assert not split.known[tuple(split.edges.T)].any()
    np.testing.assert_array_equal(split.known, split.known.T)
    assert split.known.sum() / 2 == graph.number_of_edges() - len(split.edges)


def test_molecules_differ_in_the_bond_and_not_in_the_atoms() -> None:
    drawn = graphs.molecules(30, seed=1)

    assert drawn.labels.tolist() == [0, 1] * 15
    for graph, label in zip(drawn.graphs, drawn.labels, strict=True):
        atoms = [graph.nodes[node]["atom"] for node in sorted(graph)]
        assert atoms.count(1) == atoms.count(2) == 2
        assert nx.is_connected(graph)
        assert max(degree for _, degree in graph.degree) <= 4
        assert any({atoms[a], atoms[b]} == {1, 2} for a, b in graph.edges) == bool(label)
    assert len({len(graph) for graph in drawn.graphs}) > 3


def test_padding_is_zero_and_the_mask_counts_the_atoms() -> None:
    drawn = graphs.molecules(10, seed=2)

    for index, graph in enumerate(drawn.graphs):
        size = len(graph)
        assert drawn.mask[index].tolist() == [1] * size + [0] * (16 - size)
        assert not drawn.features[index, size:].any()
        assert not drawn.adjacency[index, size:].any()
        np.testing.assert_array_equal(drawn.adjacency[index, :size, :size], graphs.adjacency_matrix(graph))


def test_purchases_hold_out_an_item_that_is_not_among_the_known() -> None:
    bought = graphs.purchases(seed=1, users=20, items=30, each=5)

    assert bought.known.sum(axis=1).tolist() == [4] * 20
    assert not bought.known[np.arange(20), bought.held_out].any()
