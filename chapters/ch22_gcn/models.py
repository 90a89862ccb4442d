"""Graph convolution as a Keras layer (Kipf & Welling, ICLR 2017), and the small networks made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers, ops

from chapters.ch22_gcn.graphs import Molecules, NodeTask, adjacency_matrix, propagation_matrix

Array = npt.NDArray[Any]

STEPS_AT_ONCE = 50
"""Steps between two returns to Python, which would take longer than a step on a small graph."""


class GraphConvolution(layers.Layer):
    """``activation(P X W + b)`` for a batch of graphs.

    Args:
        units: Number of features that come out.
        activation: A name that Keras knows.
        **options: Options of every Keras layer.

    Call arguments:
        features: Shape ``(batch, nodes, features)``.
        propagation: Normalised adjacency, shape ``(batch, nodes, nodes)``.

    Returns:
        Shape ``(batch, nodes, units)``.
    """

    def __init__(self, units: int, activation: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, features_shape: Sequence[int | None], propagation_shape: Sequence[int | None]) -> None:
        """Creates the weights: their shape does not depend on the number of nodes."""
        self.kernel = self.add_weight(shape=(features_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, features: Any, propagation: Any) -> Any:
        """Mixes the features of each node, then those of its neighbours."""
        return self.activation(propagation @ (features @ self.kernel) + self.bias)


def node_classifier(
    features: int,
    classes: int,
    *,
    hidden: int = 16,
    depth: int = 2,
    residual: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network that classifies the nodes of a graph.

    Args:
        features: Features of a node.
        classes: Number of classes.
        hidden: Features between the layers.
        depth: Number of graph convolutions.
        residual: Whether the input of a layer is added to its output, where the shapes agree.
        dropout: Share of the features that is dropped before each layer.

    Returns:
        Model from features ``(batch, nodes, features)`` and propagation ``(batch, nodes, nodes)`` to
        logits ``(batch, nodes, classes)``.
    """
    x = inputs = keras.Input((None, features), name="features")
    propagation = keras.Input((None, None), name="propagation")
    for _ in range(depth - 1):
        mixed = GraphConvolution(hidden, "relu")(layers.Dropout(dropout)(x), propagation)
        x = x + mixed if residual and x.shape[-1] == hidden else mixed
    logits = GraphConvolution(classes)(layers.Dropout(dropout)(x), propagation)
    return keras.Model([inputs, propagation], logits, name="node_classifier")


def fit_whole_graph(
    model: keras.Model,
    loss: keras.losses.Loss,
    inputs: Sequence[Array],
    targets: Array,
    weights: Array,
    steps: int,
    learning_rate: float,
) -> None:
    """Trains by Adam on a batch that holds one graph, the same at each step.

    Args:
        model: Any model of this module.
        loss: Its loss.
        inputs: Inputs with a leading batch axis.
        targets: Targets of the same batch.
        weights: Weight of each element of the loss.
        steps: Number of steps.
        learning_rate: Of Adam.
    """
    batch = (tuple(inputs), targets, weights.astype("float32"))
    model.compile(keras.optimizers.Adam(learning_rate), loss, steps_per_execution=STEPS_AT_ONCE)
    model.fit(tf.data.Dataset.from_tensors(batch).repeat(steps), shuffle=False, verbose=0)


def fit_nodes(
    model: keras.Model,
    task: NodeTask,
    labelled: Array,
    *,
    steps: int = 200,
    learning_rate: float = 0.01,
    propagation: Array | None = None,
) -> Array:
    """Trains on the labelled nodes of one graph, all other nodes being there without their class.

    Args:
        model: What :func:`node_classifier` builds.
        task: The graph.
        labelled: Bool mask of the nodes whose class counts in the loss.
        steps: Number of steps; each sees the whole graph.
        learning_rate: Of Adam.
        propagation: Matrix to use in place of the graph's own; the identity makes it a network without a graph.

    Returns:
        Predicted classes of all nodes.
    """
    if propagation is None:
        propagation = propagation_matrix(adjacency_matrix(task.graph))
    inputs = [task.features[None], propagation[None]]
    weights = labelled[None] * (len(labelled) / labelled.sum())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fit_whole_graph(model, loss, inputs, task.labels[None], weights, steps, learning_rate)
    return predict_nodes(model, task.features, propagation)


def predict_nodes(model: keras.Model, features: Array, propagation: Array) -> Array:
    """Returns the class with the highest logit for each node, shape ``(nodes,)``."""
    return np.asarray(model.predict_on_batch([features[None], propagation[None]])[0].argmax(axis=-1))


def last_hidden(model: keras.Model, features: Array, propagation: Array) -> Array:
    """Returns what goes into the last graph convolution, shape ``(nodes, features)``."""
    hidden = keras.Model(model.inputs, model.layers[-1].input[0])
    return np.asarray(hidden.predict_on_batch([features[None], propagation[None]])[0])


def link_model(features: int, hidden: int = 32, code: int = 16) -> keras.Model:
    """Builds a graph auto-encoder (Kipf & Welling, 2016): two graph convolutions, scores by inner product.

    Args:
        features: Features of a node.
        hidden: Features after the first layer.
        code: Features after the second.

    Returns:
        Model from features and propagation to logits of an edge, shape ``(batch, nodes, nodes, 1)``;
        the layer ``codes`` gives the codes.
    """
    inputs = keras.Input((None, features), name="features")
    propagation = keras.Input((None, None), name="propagation")
    x = GraphConvolution(hidden, "relu")(inputs, propagation)
    codes = GraphConvolution(code, name="codes")(x, propagation)
    scores = codes @ ops.transpose(codes, (0, 2, 1))
    return keras.Model([inputs, propagation], ops.expand_dims(scores, -1), name="link_model")


def fit_links(
    model: keras.Model,
    features: Array,
    known: Array,
    *,
    allowed: Array | None = None,
    steps: int = 200,
    learning_rate: float = 0.01,
) -> Array:
    """Trains to tell the known edges from all other pairs, both weighing the same in the sum.

    Args:
        model: What :func:`link_model` builds.
        features: Shape ``(nodes, features)``.
        known: Adjacency of the known edges, shape ``(nodes, nodes)``.
        allowed: 1 for pairs that could be an edge, 0 for others; by default all pairs of different nodes.
        steps: Number of steps.
        learning_rate: Of Adam.

    Returns:
        Logits of all pairs, shape ``(nodes, nodes)``.
    """
    others = (1 - np.eye(len(known)) if allowed is None else allowed) * (1 - known)
    weights = known / known.sum() + others / others.sum()
    inputs = [features[None], propagation_matrix(known)[None]]
    weights = weights[None] * (weights.size / weights.sum())
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    fit_whole_graph(model, loss, inputs, known[None, ..., None], weights, steps, learning_rate)
    return np.asarray(model.predict_on_batch(inputs)[0, ..., 0])


def graph_classifier(features: int, *, hidden: int = 32, depth: int = 3) -> keras.Model:
    """Builds a network that classifies whole graphs: graph convolutions, masked mean, dense head.

    Args:
        features: Features of a node.
        hidden: Features after each layer.
        depth: Number of graph convolutions.

    Returns:
        Model from features, propagation and mask ``(batch, nodes)`` to one logit for each graph.
    """
    x = inputs = keras.Input((None, features), name="features")
    propagation = keras.Input((None, None), name="propagation")
    mask = keras.Input((None,), name="mask")
    for _ in range(depth):
        x = GraphConvolution(hidden, "relu")(x, propagation)
    counted = ops.expand_dims(mask, -1)
    pooled = ops.sum(x * counted, axis=1) / ops.sum(counted, axis=1)
    pooled = layers.Dense(hidden, activation="relu")(pooled)
    return keras.Model([inputs, propagation, mask], layers.Dense(1)(pooled), name="graph_classifier")


def graph_inputs(molecules: Molecules, *, bonds: bool = True) -> list[Array]:
    """Returns what :func:`graph_classifier` takes.

    Args:
        molecules: Padded graphs.
        bonds: Whether to show the bonds; without them each atom sees only itself.

    Returns:
        Features, propagation and mask.
    """
    adjacency = molecules.adjacency if bonds else np.zeros_like(molecules.adjacency)
    return [molecules.features, propagation_matrix(adjacency), molecules.mask]
