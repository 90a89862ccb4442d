"""BERT in pure Keras 3, and the tiny Japanese one that ships with the course.

The inputs, the outputs and the order of the weights are those of KerasHub's ``BertBackbone``, so that
weights go from one to the other with ``set_weights(get_weights())``. GELU is exact, as in the Japanese BERTs
of transformers; KerasHub approximates it. Beyond KerasHub's, the encoder can be made causal and shows its
attention.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from course_utils.paths import shipped_data
from course_utils.wordpiece import Encoding, WordPiece

TINY = "bert_tiny_aozora"
"""The model that ships."""

NORM_EPSILON = 1e-12
IGNORED = -1
"""Label of a piece that the loss leaves out."""


@dataclass(frozen=True)
class BertConfig:
    """Sizes of a BERT.

    Attributes:
        vocabulary_size: Pieces of the vocabulary.
        layers: Encoder layers.
        heads: Attention heads of a layer; divides ``hidden_dim``.
        hidden_dim: Width of the encoder.
        intermediate_dim: Width between the two dense layers of the feed-forward part.
        max_length: Positions that have an embedding.
        segments: Segments that have an embedding.
        dropout: Rate, in training.

    Raises:
        ValueError: If a size is less than 1, or ``heads`` does not divide ``hidden_dim``.
    """

    vocabulary_size: int
    layers: int = 12
    heads: int = 12
    hidden_dim: int = 768
    intermediate_dim: int = 3072
    max_length: int = 512
    segments: int = 2
    dropout: float = 0.1

    def __post_init__(self) -> None:
        sizes = {name: value for name, value in asdict(self).items() if name != "dropout"}
        small = [name for name, value in sizes.items() if value < 1]
        if small:
            raise ValueError(
                f"BERT の大きさは 1 以上にしてください: {', '.join(small)} / "
                f"These sizes of a BERT must be at least 1: {', '.join(small)}"
            )
        if self.hidden_dim % self.heads:
            raise ValueError(
                f"次元 {self.hidden_dim} はヘッドの数 {self.heads} で割り切れません。 / "
                f"{self.heads} heads do not divide {self.hidden_dim} dimensions."
            )


def _initializer() -> keras.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)


@keras.saving.register_keras_serializable("course_utils")
class BertEmbeddings(layers.Layer):
    """Sums the embeddings of piece, position and segment; then LayerNorm and dropout."""

    def __init__(self, config: BertConfig | Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.config = config if isinstance(config, BertConfig) else BertConfig(**config)
        size = self.config
        for name, count in (
            ("token", size.vocabulary_size),
            ("position", size.max_length),
            ("segment", size.segments),
        ):
            embedding = layers.Embedding(count, size.hidden_dim, _initializer(), name=f"{name}_embedding")
            setattr(self, name, embedding)
        self.norm = layers.LayerNormalization(epsilon=NORM_EPSILON, name="norm")
        self.dropout = layers.Dropout(size.dropout)

    def build(self, shapes: Any) -> None:
        """Builds the embeddings in the order of KerasHub."""
        for embedding in (self.token, self.position, self.segment):
            embedding.build(None)
        self.norm.build((None, None, self.config.hidden_dim))

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Maps ids and segments, each ``(batch, length)``, to ``(batch, length, hidden_dim)``."""
        token_ids, segment_ids = inputs
        length, longest = token_ids.shape[1], self.config.max_length
        if length is not None and length > longest:
            raise ValueError(
                f"この BERT が読める長さは {longest} までです: {length} / "
                f"This BERT reads at most {longest} pieces, not {length}."
            )
        positions = ops.arange(ops.shape(token_ids)[1])
        x = self.token(token_ids) + self.position(positions) + self.segment(segment_ids)
        return self.dropout(self.norm(x), training=training)

    def get_config(self) -> dict[str, Any]:
        """Returns what makes the same layer again."""
        return {**super().get_config(), "config": asdict(self.config)}


@keras.saving.register_keras_serializable("course_utils")
class BertLayer(layers.Layer):
    """One encoder layer: self-attention and feed-forward, each with a residual sum and LayerNorm after it."""

    def __init__(self, config: BertConfig | Mapping[str, Any], causal: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.config = config if isinstance(config, BertConfig) else BertConfig(**config)
        size = self.config
        self.causal = causal
        self.attention = layers.MultiHeadAttention(
            size.heads,
            size.hidden_dim // size.heads,
            dropout=size.dropout,
            kernel_initializer=_initializer(),
            name="attention",
        )
        self.attention_norm = layers.LayerNormalization(epsilon=NORM_EPSILON, name="attention_norm")
        self.output_norm = layers.LayerNormalization(epsilon=NORM_EPSILON, name="output_norm")
        self.intermediate = layers.Dense(
            size.intermediate_dim, "gelu", kernel_initializer=_initializer(), name="intermediate"
        )
        self.output_dense = layers.Dense(size.hidden_dim, kernel_initializer=_initializer(), name="output")
        self.dropout = layers.Dropout(size.dropout)

    def build(self, x_shape: Any, padding_mask_shape: Any = None) -> None:
        """Builds the parts in the order of KerasHub."""
        hidden = (None, None, self.config.hidden_dim)
        self.attention.build(hidden, hidden)
        self.attention_norm.build(hidden)
        self.intermediate.build(hidden)
        self.output_dense.build((None, None, self.config.intermediate_dim))
        self.output_norm.build(hidden)

    def call(self, x: Any, padding_mask: Any, training: bool = False) -> Any:
        """Maps ``(batch, length, hidden_dim)`` to the same shape; sees only where the mask is 1."""
        x = self.attention_norm(
            x + self.dropout(self.attend(x, padding_mask, training)[0], training=training)
        )
        feed_forward = self.output_dense(self.intermediate(x))
        return self.output_norm(x + self.dropout(feed_forward, training=training))

    def attend(
        self, x: Any, padding_mask: Any, training: bool = False, scores: bool = False
    ) -> tuple[Any, Any]:
        """Returns what attention adds and, if asked for, its weights ``(batch, heads, length, length)``."""
        attended = self.attention(
            x,
            x,
            attention_mask=ops.cast(padding_mask[:, None, :], "bool"),
            use_causal_mask=self.causal,
            return_attention_scores=scores,
            training=training,
        )
        return attended if scores else (attended, None)

    def get_config(self) -> dict[str, Any]:
        """Returns what makes the same layer again."""
        return {**super().get_config(), "config": asdict(self.config), "causal": self.causal}


@keras.saving.register_keras_serializable("course_utils")
class MlmHead(layers.Layer):
    """Head of the masked language model: dense, GELU, LayerNorm; the token embedding is its output matrix."""

    def __init__(self, embedding: layers.Embedding, **options: Any) -> None:
        super().__init__(**options)
        self.embedding = embedding
        width = int(embedding.output_dim)
        self.dense = layers.Dense(width, "gelu", kernel_initializer=_initializer(), name="dense")
        self.norm = layers.LayerNormalization(epsilon=NORM_EPSILON, name="norm")

    def build(self, x_shape: Any) -> None:
        """Builds the dense part and the bias of each piece."""
        self.dense.build(x_shape)
        self.norm.build(x_shape)
        self.bias = self.add_weight(shape=(int(self.embedding.input_dim),), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """Maps ``(..., hidden_dim)`` to logits over the vocabulary."""
        matrix = ops.transpose(ops.cast(self.embedding.embeddings, self.compute_dtype))
        return ops.matmul(self.norm(self.dense(x)), matrix) + self.bias


def build_bert(config: BertConfig, causal: bool = False, name: str = "bert") -> keras.Model:
    """Builds a BERT with random weights.

    Args:
        config: Its sizes.
        causal: Whether a position sees only itself and those before it, as in GPT.
        name: Name of the model.

    Returns:
        A model from ``token_ids``, ``segment_ids`` and ``padding_mask``, int32 of shape ``(batch, length)``,
        to ``sequence_output`` of shape ``(batch, length, hidden_dim)`` and ``pooled_output`` of shape
        ``(batch, hidden_dim)``.
    """
    inputs = {
        key: keras.Input((None,), dtype="int32", name=key)
        for key in ("token_ids", "segment_ids", "padding_mask")
    }
    x = BertEmbeddings(config, name="embeddings")((inputs["token_ids"], inputs["segment_ids"]))
    for number in range(config.layers):
        x = BertLayer(config, causal, name=f"layer_{number}")(x, inputs["padding_mask"])
    pooled = layers.Dense(config.hidden_dim, "tanh", kernel_initializer=_initializer(), name="pooled_dense")(
        x[:, 0]
    )
    return keras.Model(inputs, {"sequence_output": x, "pooled_output": pooled}, name=name)


def with_mlm_head(backbone: keras.Model) -> keras.Model:
    """Puts the head of the masked language model on every position.

    Args:
        backbone: A model from :func:`build_bert`.

    Returns:
        A model from the same inputs to logits of shape ``(batch, length, vocabulary_size)``.
    """
    head = MlmHead(backbone.get_layer("embeddings").token, name="mlm_head")
    return keras.Model(backbone.input, head(backbone.output["sequence_output"]), name="mlm")


def attention_maps(backbone: keras.Model, inputs: Encoding) -> npt.NDArray[np.float32]:
    """Computes the attention weights of every layer.

    Args:
        backbone: A model from :func:`build_bert`.
        inputs: What it reads.

    Returns:
        Weights of shape ``(layers, batch, heads, length, length)``; each row, what a position looks at,
        sums to 1.
    """
    x = backbone.get_layer("embeddings")((inputs["token_ids"], inputs["segment_ids"]))
    maps = []
    for layer in (layer for layer in backbone.layers if isinstance(layer, BertLayer)):
        maps.append(ops.convert_to_numpy(layer.attend(x, inputs["padding_mask"], scores=True)[1]))
        x = layer(x, inputs["padding_mask"])
    return np.stack(maps)


def mask_tokens(
    token_ids: npt.NDArray[np.int32], tokenizer: WordPiece, rng: np.random.Generator, rate: float = 0.15
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Hides pieces: of those chosen, 80 % become ``[MASK]``, 10 % a random piece, 10 % stay as they are.

    Args:
        token_ids: Ids of shape ``(batch, length)``; special tokens are never chosen.
        tokenizer: Their vocabulary.
        rng: Random generator.
        rate: Share of the pieces that is chosen.

    Returns:
        The ids to read, and the labels: the right id where a piece was chosen, :data:`IGNORED` elsewhere.

    Raises:
        ValueError: If ``rate`` is no share.
    """
    if not 0 <= rate <= 1:
        raise ValueError(
            f"選ぶ割合は 0〜1 にしてください: {rate} / The share that is chosen must be from 0 to 1: {rate}"
        )
    special = np.isin(token_ids, [tokenizer.pad, tokenizer.cls, tokenizer.sep])
    chosen = (rng.random(token_ids.shape) < rate) & ~special
    labels = np.where(chosen, token_ids, IGNORED).astype("int32")
    fate = rng.random(token_ids.shape)
    silent = [tokenizer.pad, tokenizer.unk, tokenizer.cls, tokenizer.sep, tokenizer.mask]
    ordinary = np.setdiff1d(np.arange(len(tokenizer.vocabulary)), silent)
    randoms = ordinary[rng.integers(len(ordinary), size=token_ids.shape)]
    masked = np.where(chosen & (fate < 0.8), tokenizer.mask, token_ids)
    masked = np.where(chosen & (fate >= 0.9), randoms, masked)
    return masked.astype("int32"), labels


def save_bert(backbone: keras.Model, mlm: keras.Model, config: BertConfig, path: Path) -> None:
    """Writes a masked language model's weights and its backbone's pooler as float16, and the sizes.

    Args:
        backbone: A model from :func:`build_bert`.
        mlm: The masked language model on it, from :func:`with_mlm_head`.
        config: Sizes of the backbone.
        path: File to write, ending in ``.npz``.
    """
    arrays = {
        name: ops.convert_to_numpy(variable).astype("float16")
        for name, variable in _variables(backbone, mlm).items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, config=np.array(json.dumps(asdict(config))), **arrays)


def load_bert(path: Path | None = None, causal: bool = False) -> tuple[keras.Model, keras.Model]:
    """Loads the BERT that ships, or another that :func:`save_bert` wrote.

    Args:
        path: Its ``.npz`` file; by default the one that ships.
        causal: As for :func:`build_bert`; the weights are the same.

    Returns:
        The backbone, and the masked language model on the same weights.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If :func:`save_bert` did not write it, or its arrays do not fit its sizes.
    """
    path = path or shipped_data() / "language" / f"{TINY}.npz"
    config, arrays = _read(path)
    backbone = build_bert(config, causal)
    mlm = with_mlm_head(backbone)
    variables = _variables(backbone, mlm)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    given = {name: array.shape for name, array in arrays.items()}
    if given != shapes:
        wrong = sorted(name for name in shapes | given if shapes.get(name) != given.get(name))
        raise ValueError(
            f"{path.name} の重みは、そこに書かれた大きさの BERT に合いません: {wrong[0]} / "
            f"The weights in {path.name} do not fit a BERT of the sizes written there: {wrong[0]}"
        )
    for name, variable in variables.items():
        variable.assign(arrays[name].astype("float32"))
    return backbone, mlm


def _variables(backbone: keras.Model, mlm: keras.Model) -> dict[str, Any]:
    """The variables of both, each once, by name, such as ``layer_0/attention/query/kernel``."""
    return {variable.path: variable for variable in [*backbone.weights, *mlm.weights]}


def _read(path: Path) -> tuple[BertConfig, dict[str, npt.NDArray[Any]]]:
    """Reads what :func:`save_bert` wrote."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
            return BertConfig(**json.loads(str(arrays.pop("config")))), arrays
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"BERT の重みのファイルがありません: {path} / There are no weights of a BERT at {path}"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise ValueError(
            f"{path.name} は、save_bert が書いた BERT の重みのファイルではありません。 / "
            f"{path.name} is no file of a BERT's weights that save_bert wrote."
        ) from error


def load_tokenizer() -> WordPiece:
    """Loads the vocabulary of the BERT that ships."""
    return WordPiece.load(shipped_data() / "language" / "vocab.txt")
