from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
from grader import probes  # noqa: E402 - imports Keras


@pytest.fixture
def model() -> Any:
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((3,)),
        keras.layers.Dense(2),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1),
    ]
    return keras.Sequential(layers)


def test_counts_flags_and_shape_describe_the_model(model: Any) -> None:
    model.layers[0].trainable = False
    assert probes.parameter_counts(model) == {"total": 8 + 8 + 3, "trainable": 4 + 3}
    assert probes.trainable_flags(model) == [False, True, True]
    assert probes.output_shape(model) == (None, 1)
    assert [array.shape for array in probes.trainable_weights(model)] == [(2,), (2,), (2, 1), (1,)]


def test_prediction_follows_weights_and_mode(model: Any) -> None:
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    inference = probes.predict(model, x)
    assert isinstance(inference, np.ndarray)
    np.testing.assert_allclose(inference, model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    assert not np.allclose(probes.predict(model, x, training=True), inference)
    probes.set_weights(model, [np.zeros_like(array) for array in probes.weights(model)])
    np.testing.assert_array_equal(probes.predict(model, x), np.zeros((8, 1)))


def test_training_takes_the_steps_asked_for() -> None:
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    probes.compile(model, "sgd", 0.25, "mean_squared_error")
    x, y = np.ones((3, 1), "float32"), np.ones((3, 1), "float32")
    probes.train_steps(model, x, y, steps=3, batch_size=2)
    np.testing.assert_allclose(probes.weights(model)[0], [[1 - 0.5**3]])
