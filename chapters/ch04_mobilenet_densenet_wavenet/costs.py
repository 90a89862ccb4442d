"""What a network costs: multiply-adds, memory and time, counted and measured on its real layers."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

Array = npt.NDArray[Any]


def multiply_adds(layer: keras.Layer) -> int:
    """Counts the multiply-adds of one image in a layer of a built model.

    Each place of the output costs as many as the kernel has weights. Multiplications by padding count,
    as in the papers' tables; BatchNormalization, activations and biases do not.

    Args:
        layer: Any layer; one without a kernel costs 0.

    Returns:
        Number of multiply-adds.
    """
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return 0
    places = layer.output.shape[1:-1] if len(kernel.shape) > 2 else ()
    return int(np.prod([*places, *kernel.shape]))


def kind(layer: keras.Layer) -> str:
    """Names what a layer computes: ``"depthwise"``, ``"1×1"``, ``"3×3"``, …, ``"dense"`` or ``"other"``."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return "depthwise"
    if isinstance(layer, layers.Conv2D):
        return "{}×{}".format(*layer.kernel_size)
    return "dense" if isinstance(layer, layers.Dense) else "other"


def by_kind(model: keras.Model) -> dict[str, tuple[int, int]]:
    """Adds up multiply-adds and parameters of a model's layers by their :func:`kind`."""
    products: Counter[str] = Counter()
    parameters: Counter[str] = Counter()
    for layer in model.layers:
        products[kind(layer)] += multiply_adds(layer)
        parameters[kind(layer)] += layer.count_params()
    return {name: (products[name], parameters[name]) for name in products}


def total_multiply_adds(model: keras.Model) -> int:
    """Counts the multiply-adds of one image in a model."""
    return sum(map(multiply_adds, model.layers))


def profiled_multiply_adds(model: keras.Model) -> int:
    """Asks TensorFlow's profiler for the operations of one image in convolutions and dense layers.

    Args:
        model: A model of one input whose shape is known.

    Returns:
        Half of the floating-point operations: a multiplication and an addition are one multiply-add.
    """
    function = tf.function(lambda x: model(x, training=False))
    graph = function.get_concrete_function(tf.TensorSpec((1, *model.input.shape[1:]))).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options = {**options, "output": "none"}
    root = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    names = {"Conv2D", "DepthwiseConv2dNative", "MatMul"}
    return sum(node.float_ops for node in _nodes(root) if node.name in names) // 2


def _nodes(root: Any) -> list[Any]:
    return [root, *(node for child in root.children for node in _nodes(child))]


def peak_activations(model: keras.Model) -> int:
    """Counts the numbers that one image needs at the same time while the layers run one after the other.

    A layer's output is kept until the last layer that reads it has run.

    Args:
        model: A functional model.

    Returns:
        The largest number of values alive at once: of the layer that runs, its inputs and its outputs,
        and whatever waits for a later layer.
    """
    order = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    last_reader = {id(tensor): place for place, layer in enumerate(order) for tensor in _inputs(layer)}
    alive = {id(tensor): _size(tensor) for tensor in model.inputs}
    peak = 0
    for place, layer in enumerate(order):
        alive[id(layer.output)] = _size(layer.output)
        peak = max(peak, sum(alive.values()))
        alive = {key: size for key, size in alive.items() if last_reader.get(key, len(order)) > place}
    return peak


def _inputs(layer: keras.Layer) -> list[keras.KerasTensor]:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _size(tensor: keras.KerasTensor) -> int:
    return int(np.prod(tensor.shape[1:]))


def latencies(models: dict[str, keras.Model], batch: Array, repeats: int = 15) -> dict[str, float]:
    """Measures the models' predictions in turn, so that what else the machine does meets all of them alike.

    Args:
        models: Models by name.
        batch: What they predict.
        repeats: Number of rounds.

    Returns:
        Median milliseconds of each for the whole batch.
    """
    functions = {name: tf.function(lambda x, m=model: m(x, training=False)) for name, model in models.items()}
    x = tf.constant(batch)
    for function in functions.values():
        function(x)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(repeats):
        for name, function in functions.items():
            started = time.perf_counter()
            function(x).numpy()
            seconds[name].append(time.perf_counter() - started)
    return {name: 1000 * float(np.median(values)) for name, values in seconds.items()}
