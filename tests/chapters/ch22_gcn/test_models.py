"""Chapter 22's layer against NumPy, and the properties that every graph network must have."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from chapters.ch22_gcn import graphs, models
from chapters.ch22_gcn.graphs import Array, NodeTask

SMALL = graphs.communities(1, (12, 12), within=0.4, between=0.05, signal=2.0, width=4)


@pytest.fixture
def propagation() -> Array:
    return graphs.propagation_matrix(graphs.adjacency_matrix(SMALL.graph))


def test_two_layers_are_the_formula(propagation: Array) -> None:
    keras.utils.set_random_seed(1)
    model = models.node_classifier(4, 2, hidden=5)
    weights = [value + 0.1 for value in model.get_weights()]
    model.set_weights(weights)

    found = model.predict_on_batch([SMALL.features[None], propagation[None]])[0]

    hidden = np.maximum(propagation @ SMALL.features @ weights[0] + weights[1], 0)
    np.testing.assert_allclose(found, propagation @ hidden @ weights[2] + weights[3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("residual", [False, True])
def test_renumbering_the_nodes_renumbers_the_output(propagation: Array, residual: bool) -> None:
    model = models.node_classifier(4, 2, depth=4, residual=residual)
    order = np.random.default_rng(1).permutation(24)

    plain = model.predict_on_batch([SMALL.features[None], propagation[None]])[0]
    mixed = model.predict_on_batch([SMALL.features[order][None], propagation[order][:, order][None]])[0]

    np.testing.assert_allclose(mixed, plain[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("depth", "expected"), [(1, 10), (2, 114), (4, 658)])
def test_parameters_depend_on_depth_and_not_on_the_graph(depth: int, expected: int) -> None:
    assert models.node_classifier(4, 2, depth=depth, hidden=16).count_params() == expected


def test_residual_connections_add_the_input(propagation: Array) -> None:
    model = models.node_classifier(16, 2, depth=2, residual=True)
    model.layers[-1].set_weights([np.eye(16, 2), np.zeros(2)])
    for layer in model.layers:
        if isinstance(layer, models.GraphConvolution) and layer.units == 16:
            layer.set_weights([np.zeros((16, 16)), np.zeros(16)])
    features = np.random.default_rng(1).normal(size=(24, 16)).astype("float32")

    found = model.predict_on_batch([features[None], propagation[None]])[0]

    np.testing.assert_allclose(found, (propagation @ features)[:, :2], atol=1e-5)


def test_last_hidden_is_what_the_last_layer_takes(propagation: Array) -> None:
    model = models.node_classifier(4, 2, hidden=5)

    hidden = models.last_hidden(model, SMALL.features, propagation)

    kernel, bias = model.layers[-1].get_weights()
    logits = model.predict_on_batch([SMALL.features[None], propagation[None]])[0]
    np.testing.assert_allclose(propagation @ hidden @ kernel + bias, logits, rtol=1e-4, atol=1e-5)


def test_training_reads_only_the_labels_that_are_told() -> None:
    labelled = graphs.choose_labelled(SMALL.labels, 3, seed=1)
    lies = np.where(labelled, SMALL.labels, 0)
    found = []
    for labels in (SMALL.labels, lies):
        keras.utils.set_random_seed(1)
        task = NodeTask(SMALL.graph, SMALL.features, labels)
        found.append(models.fit_nodes(models.node_classifier(4, 2), task, labelled, steps=100))

    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] == SMALL.labels).mean() > 0.85


def test_without_the_graph_equal_features_get_equal_classes() -> None:
    features = np.repeat(np.eye(2, 4, dtype="float32"), 12, axis=0)
    task = NodeTask(SMALL.graph, features, SMALL.labels)
    labelled = graphs.choose_labelled(SMALL.labels, 1, seed=1)

    alone = models.fit_nodes(models.node_classifier(4, 2), task, labelled, steps=100, propagation=np.eye(24))

    np.testing.assert_array_equal(alone, SMALL.labels)


def test_link_scores_are_inner_products_of_the_codes(propagation: Array) -> None:
    model = models.link_model(4, hidden=6, code=3)
    inputs = [SMALL.features[None], propagation[None]]
    codes = keras.Model(model.inputs, model.get_layer("codes").output).predict_on_batch(inputs)[0]

    scores = model.predict_on_batch(inputs)

    assert scores.shape == (1, 24, 24, 1)
    np.testing.assert_allclose(scores[0, ..., 0], codes @ codes.T, rtol=1e-4, atol=1e-5)


def test_links_are_learnt_among_the_allowed_pairs() -> None:
    known = graphs.adjacency_matrix(SMALL.graph)
    keras.utils.set_random_seed(1)

    scores = models.fit_links(models.link_model(4), SMALL.features, known, steps=100)

    others = (1 - known) * (1 - np.eye(24))
    assert scores[known > 0].mean() > scores[others > 0].mean() + 0.5


def test_padding_changes_no_graph_and_its_number_changes_no_mean() -> None:
    drawn = graphs.molecules(4, seed=1, largest=12)
    wide = graphs.molecules(4, seed=1, largest=12)
    model = models.graph_classifier(3, hidden=8)
    inputs = models.graph_inputs(drawn)
    longer = [
        np.pad(wide.features, ((0, 0), (0, 9), (0, 0))),
        graphs.propagation_matrix(np.pad(wide.adjacency, ((0, 0), (0, 9), (0, 9)))),
        np.pad(wide.mask, ((0, 0), (0, 9))),
    ]

    np.testing.assert_allclose(
        model.predict_on_batch(inputs), model.predict_on_batch(longer), rtol=1e-4, atol=1e-5
    )


def test_without_bonds_the_wiring_does_not_count() -> None:
    drawn = graphs.molecules(6, seed=1)

    _, propagation, _ = models.graph_inputs(drawn, bonds=False)

    np.testing.assert_array_equal(propagation, np.broadcast_to(np.eye(16), (6, 16, 16)))
