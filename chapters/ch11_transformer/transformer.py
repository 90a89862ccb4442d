"""The Transformer in keras.ops, small enough to read in one go.

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017. As there: LayerNorm after each residual
sum, sinusoidal positions, one matrix for both embeddings and the output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers, ops

PAD = 0
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Sizes:
    """Sizes of a Transformer; those left out are the paper's base model.

    Attributes:
        vocabulary: Tokens of the shared vocabulary; id 0 is padding.
        width: d_model.
        heads: Heads of each attention; divides ``width``.
        inner: Width between the two dense layers of the feed-forward part, d_ff.
        layers: Layers of the encoder, and as many of the decoder.
        dropout: Rate, in training.
        positions: Whether positions are added; ``False`` to see what is lost.

    Raises:
        ValueError: If ``heads`` does not divide ``width``, or ``width`` is odd.
    """

    vocabulary: int
    width: int = 512
    heads: int = 8
    inner: int = 2048
    layers: int = 6
    dropout: float = 0.1
    positions: bool = True

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % 2:
            raise ValueError(
                f"d_model {self.width} は偶数で、ヘッドの数 {self.heads} で割り切れるようにしてください。 / "
                f"d_model {self.width} must be even and divisible by the {self.heads} heads."
            )


def sinusoids(length: int, width: int) -> Array:
    """Computes the sinusoidal positions.

    Args:
        length: Number of positions.
        width: Even width d; pair i turns by ``1 / 10000 ** (2 i / d)`` radians a position.

    Returns:
        Shape ``(length, width)``, float32: sines in the even columns, cosines in the odd ones.
    """
    rates = 10000.0 ** (-np.arange(0, width, 2) / width)
    angles = np.arange(length)[:, None] * rates
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, width).astype("float32")


class MultiHeadAttention(layers.Layer):
    """Several scaled dot-product attentions side by side, each in its own part of the width."""

    def __init__(self, width: int, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.heads = heads
        self.query, self.key, self.value, self.merge = (
            layers.Dense(width, name=name) for name in ("query", "key", "value", "merge")
        )

    def build(self, x_shape: Any, memory_shape: Any = None, mask_shape: Any = None) -> None:
        """Builds the four dense layers."""
        for dense in (self.query, self.key, self.value, self.merge):
            dense.build(x_shape)

    def split(self, x: Any) -> Any:
        """Cuts ``(batch, length, width)`` into ``(batch, heads, length, width / heads)``."""
        batch, length, width = ops.shape(x)
        return ops.transpose(ops.reshape(x, (batch, length, self.heads, width // self.heads)), (0, 2, 1, 3))

    def call(self, x: Any, memory: Any, mask: Any) -> tuple[Any, Any]:
        """Lets each position of ``x`` gather from ``memory``.

        Args:
            x: Shape ``(batch, n, width)``: who asks.
            memory: Shape ``(batch, m, width)``: who is asked.
            mask: Bool, broadcast to ``(batch, heads, n, m)``: what may be seen.

        Returns:
            What was gathered, ``(batch, n, width)``, and the weights, ``(batch, heads, n, m)``.
        """
        query, key, value = (
            self.split(dense(inputs))
            for dense, inputs in ((self.query, x), (self.key, memory), (self.value, memory))
        )
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / query.shape[-1] ** 0.5
        # ops.softmax warns where there is only one position, which is how decoding begins.
        weights = tf.nn.softmax(ops.where(mask, scores, -1e9))
        gathered = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        return self.merge(ops.reshape(gathered, ops.shape(x))), weights


class FeedForward(layers.Layer):
    """Two dense layers that treat each position by itself."""

    def __init__(self, width: int, inner: int, **options: Any) -> None:
        super().__init__(**options)
        self.expand = layers.Dense(inner, "relu", name="expand")
        self.contract = layers.Dense(width, name="contract")

    def build(self, x_shape: Any) -> None:
        """Builds both dense layers."""
        self.expand.build(x_shape)
        self.contract.build((*x_shape[:-1], self.expand.units))

    def call(self, x: Any) -> Any:
        """Maps ``(batch, length, width)`` to the same shape."""
        return self.contract(self.expand(x))


class _Sublayers(layers.Layer):
    """Residual sums with LayerNorm after them."""

    def __init__(self, sizes: Sizes, sums: int, **options: Any) -> None:
        super().__init__(**options)
        self.feed_forward = FeedForward(sizes.width, sizes.inner, name="feed_forward")
        self.norms = [layers.LayerNormalization(epsilon=1e-6, name=f"norm_{i}") for i in range(sums)]
        self.dropout = layers.Dropout(sizes.dropout)

    def build(self, x_shape: Any, *_: Any) -> None:
        """Builds the parts."""
        self.feed_forward.build(x_shape)
        for norm in self.norms:
            norm.build(x_shape)

    def add(self, number: int, x: Any, branch: Any, training: bool) -> Any:
        """Adds a branch to what went into it and normalises the sum."""
        return self.norms[number](x + self.dropout(branch, training=training))


class EncoderLayer(_Sublayers):
    """Self-attention, then feed-forward."""

    def __init__(self, sizes: Sizes, **options: Any) -> None:
        super().__init__(sizes, sums=2, **options)
        self.attention = MultiHeadAttention(sizes.width, sizes.heads, name="attention")

    def build(self, x_shape: Any, *_: Any) -> None:
        """Builds the parts."""
        super().build(x_shape)
        self.attention.build(x_shape)

    def call(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        """Maps ``(batch, n, width)`` to the same shape; returns the attention's weights too."""
        gathered, weights = self.attention(x, x, mask)
        x = self.add(0, x, gathered, training)
        return self.add(1, x, self.feed_forward(x), training), weights


class DecoderLayer(_Sublayers):
    """Masked self-attention, attention to the encoder, then feed-forward."""

    def __init__(self, sizes: Sizes, **options: Any) -> None:
        super().__init__(sizes, sums=3, **options)
        self.attention = MultiHeadAttention(sizes.width, sizes.heads, name="attention")
        self.cross = MultiHeadAttention(sizes.width, sizes.heads, name="cross")

    def build(self, x_shape: Any, *_: Any) -> None:
        """Builds the parts."""
        super().build(x_shape)
        self.attention.build(x_shape)
        self.cross.build(x_shape)

    def call(self, x: Any, memory: Any, causal: Any, mask: Any, training: bool = False) -> tuple[Any, ...]:
        """Maps ``(batch, n, width)`` to the same shape; returns the weights of both attentions too."""
        gathered, own_weights = self.attention(x, x, causal)
        x = self.add(0, x, gathered, training)
        gathered, cross_weights = self.cross(x, memory, mask)
        x = self.add(1, x, gathered, training)
        return self.add(2, x, self.feed_forward(x), training), own_weights, cross_weights


class Transformer(keras.Model):
    """Encoder and decoder: source and target so far to logits of the next token."""

    def __init__(self, sizes: Sizes, **options: Any) -> None:
        super().__init__(**options)
        self.sizes = sizes
        spread = keras.initializers.RandomNormal(stddev=sizes.width**-0.5)
        self.embedding = layers.Embedding(sizes.vocabulary, sizes.width, spread, name="embedding")
        self.encoder = [EncoderLayer(sizes, name=f"encoder_{i}") for i in range(sizes.layers)]
        self.decoder = [DecoderLayer(sizes, name=f"decoder_{i}") for i in range(sizes.layers)]
        self.dropout = layers.Dropout(sizes.dropout)

    def build(self, shapes: Any = None) -> None:
        """Makes all weights."""
        self.embedding.build(None)
        for layer in (*self.encoder, *self.decoder):
            layer.build((None, None, self.sizes.width))
        self.built = True

    def embed(self, ids: Any, training: bool = False) -> Any:
        """Maps ids ``(batch, length)`` to ``(batch, length, width)``: embedding, enlarged, plus position."""
        x = self.embedding(ids) * self.sizes.width**0.5
        if self.sizes.positions:
            x = x + sinusoids(ids.shape[1], self.sizes.width)
        return self.dropout(x, training=training)

    def encode(self, source: Any, training: bool = False) -> tuple[Any, Any]:
        """Reads the source.

        Args:
            source: Ids ``(batch, n)``.
            training: Whether dropout is on.

        Returns:
            What was read, ``(batch, n, width)``, and each layer's weights ``(batch, heads, n, n)``.
        """
        x, mask, weights = self.embed(source, training), padding_mask(source), []
        for layer in self.encoder:
            x, layer_weights = layer(x, mask, training=training)
            weights.append(layer_weights)
        return x, weights

    def decode(
        self, target: Any, memory: Any, source: Any, training: bool = False
    ) -> tuple[Any, list[Any], list[Any]]:
        """Continues the target.

        Args:
            target: Ids so far, ``(batch, m)``, the first one the start.
            memory: What :meth:`encode` read.
            source: Ids ``(batch, n)``, for the mask.
            training: Whether dropout is on.

        Returns:
            Logits of the token after each position, ``(batch, m, vocabulary)``; each layer's weights among
            the target, ``(batch, heads, m, m)``; and to the source, ``(batch, heads, m, n)``.
        """
        x, causal, mask = self.embed(target, training), causal_mask(target.shape[1]), padding_mask(source)
        own, cross = [], []
        for layer in self.decoder:
            x, own_weights, cross_weights = layer(x, memory, causal, mask, training=training)
            own.append(own_weights)
            cross.append(cross_weights)
        return ops.matmul(x, ops.transpose(self.embedding.embeddings)), own, cross

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Maps source and target ids to logits ``(batch, m, vocabulary)``."""
        source, target = inputs
        memory, _ = self.encode(source, training)
        return self.decode(target, memory, source, training)[0]


def padding_mask(ids: Any) -> Any:
    """Tells tokens from padding: bool, ``(batch, 1, 1, length)``."""
    return ops.not_equal(ids, PAD)[:, None, None, :]


def causal_mask(length: int) -> Array:
    """Lets a position see itself and those before it: bool, ``(length, length)``."""
    return np.tri(length, dtype=bool)


def make_decoder(
    model: Transformer, source_length: int, length: int, width: int = 1, start: int = 1, end: int = 2
) -> Callable[[Array], tuple[Array, Array]]:
    """Compiles decoding: greedy for width 1, beam search for more.

    Each beam is decoded anew at every step, which a cache of keys and values would spare; here the targets
    are short.

    Args:
        model: A Transformer; the weights that it has when the function is called are used.
        source_length: Tokens of a source, padding included.
        length: Tokens of an answer, the end included.
        width: Beams that are kept for each source.
        start: Id of the start.
        end: Id of the end; a beam that has ended stays as it is.

    Returns:
        A function from source ids ``(n, source_length)`` to answers ``(n, width, length)``, the best first,
        and their log probabilities ``(n, width)``.
    """
    frozen = np.where(np.arange(model.sizes.vocabulary) == PAD, 0, -np.inf).astype("float32")

    def extend(target: Any, scores: Any, memory: Any, source: Any) -> tuple[Any, Any]:
        beams = target.shape[1]
        flat = ops.reshape(target, (-1, target.shape[2]))
        repeated = [ops.repeat(each, beams, axis=0) for each in (memory, source)]
        logits = model.decode(flat, *repeated)[0][:, -1]
        steps = ops.reshape(ops.log_softmax(logits), (-1, beams, model.sizes.vocabulary))
        ended = ops.any(ops.equal(target, end), axis=2)[:, :, None]
        totals = scores[:, :, None] + ops.where(ended, frozen, steps)
        candidates = beams * model.sizes.vocabulary
        scores, chosen = ops.top_k(ops.reshape(totals, (-1, candidates)), min(width, candidates))
        parents, tokens = chosen // model.sizes.vocabulary, chosen % model.sizes.vocabulary
        kept = ops.take_along_axis(target, parents[:, :, None], axis=1)
        return ops.concatenate([kept, tokens[:, :, None]], axis=2), scores

    def search(source: Any) -> tuple[Any, Any]:
        memory, _ = model.encode(source)
        target = ops.zeros_like(source[:, :1, None]) + start
        scores = ops.zeros_like(target[:, :, 0], dtype="float32")
        for _ in range(length):
            target, scores = extend(target, scores, memory, source)
        return target[:, :, 1:], scores

    compiled = tf.function(search, input_signature=[tf.TensorSpec((None, source_length), "int32")])

    def decode(source: Array) -> tuple[Array, Array]:
        answers, scores = compiled(tf.constant(source))
        return answers.numpy(), scores.numpy()

    return decode
