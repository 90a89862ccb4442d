"""What chapter 7 teaches: the embedding, the encoder block and the network, against their definitions."""

from __future__ import annotations

from math import erf

import keras
import numpy as np

from chapters.ch07_vision_transformer.taught import PatchEmbedding, patch_projection, transformer_block, vit


def test_tokens_are_the_class_token_and_the_patches_in_rows() -> None:
    images = np.random.default_rng(1).normal(size=(2, 8, 12, 3)).astype("float32")
    embedding = PatchEmbedding(patch_projection(4, 5))
    tokens = np.asarray(embedding(images))
    kernel, bias = (np.asarray(weight) for weight in embedding.project.weights)

    assert tokens.shape == (2, 7, 5)
    np.testing.assert_allclose(tokens[:, 0], np.tile(embedding.position[0, 0], (2, 1)), rtol=1e-5)
    for index in range(6):
        row, column = divmod(index, 3)
        patch = images[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].reshape(2, -1)
        expected = patch @ kernel.reshape(-1, 5) + bias + embedding.position[0, 1 + index]
        np.testing.assert_allclose(tokens[:, 1 + index], expected, atol=1e-4)


def normalise(x: np.ndarray) -> np.ndarray:
    return np.asarray((x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6))


def test_a_block_is_what_its_formula_says() -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((5, 8))
    block = keras.Model(inputs, transformer_block(inputs, heads=2, mlp=12))
    x = np.random.default_rng(1).normal(size=(3, 5, 8)).astype("float32")
    attention = next(layer for layer in block.layers if isinstance(layer, keras.layers.MultiHeadAttention))
    wq, bq, wk, bk, wv, bv, wo, bo = attention.get_weights()
    first, second = (layer.get_weights() for layer in block.layers if isinstance(layer, keras.layers.Dense))

    z = normalise(x)
    q, k, v = (np.einsum("ntd,dhe->nhte", z, w) + b[:, None] for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(4)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    middle = x + np.einsum("nhte,hed->ntd", weights @ v, wo) + bo
    hidden = normalise(middle) @ first[0] + first[1]
    hidden = hidden * (1 + np.vectorize(erf)(hidden / np.sqrt(2))) / 2
    expected = middle + hidden @ second[0] + second[1]

    np.testing.assert_allclose(block.predict(x, verbose=0), expected, atol=1e-4)


def test_without_positions_the_order_of_patches_does_not_matter() -> None:
    keras.utils.set_random_seed(1)
    images = np.random.default_rng(1).normal(size=(2, 16, 16, 3)).astype("float32")
    for positions, same in ((False, True), (True, False)):
        model = vit(keras.Input((16, 16, 3)), patch_projection(4, 8), 2, 2, 16, 3, positions)
        before, after = (model.predict(each, verbose=0) for each in (images, np.roll(images, 8, axis=2)))
        assert np.allclose(before, after, atol=1e-4) == same
