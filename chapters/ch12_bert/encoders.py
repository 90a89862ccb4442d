"""The BERT that a run of chapter 12 uses: the one that ships, or the published one of the full profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from course_utils.bert import BertConfig, build_bert, load_bert, load_tokenizer, with_mlm_head
from course_utils.checkpoints import load_japanese_bert
from course_utils.wordpiece import Encoding, WordPiece

BATCH = 64
"""Rows that an encoder reads at once when nothing is trained."""


@dataclass(frozen=True)
class Bert:
    """A BERT and the vocabulary that its ids belong to.

    Attributes:
        tokenizer: Its vocabulary.
        build: Builds the backbone and the masked language model on it; the arguments are whether the encoder
            is causal, and whether it starts from the pretrained weights.
    """

    tokenizer: WordPiece
    build: Callable[[bool, bool], tuple[keras.Model, keras.Model]]

    @property
    def vocabulary_size(self) -> int:
        """Ids that it has an embedding for."""
        return len(self.tokenizer.vocabulary)


def run(encoder: keras.Model, inputs: Encoding) -> npt.NDArray[np.float32]:
    """Runs an encoder without training, some rows at a time.

    Unlike ``predict`` it compiles nothing, which takes longer than a tiny BERT needs for some hundred rows.

    Args:
        encoder: From BERT's inputs to one tensor.
        inputs: What it reads, ``(rows, length)`` each.

    Returns:
        What it gives for each row.
    """
    rows = len(inputs["token_ids"])
    parts = [{name: array[n : n + BATCH] for name, array in inputs.items()} for n in range(0, rows, BATCH)]
    return np.concatenate([ops.convert_to_numpy(encoder(part, training=False)) for part in parts])


def config_of(backbone: keras.Model) -> BertConfig:
    """Reads a backbone's sizes from its embeddings."""
    config = backbone.get_layer("embeddings").config
    assert isinstance(config, BertConfig)
    return config


def shipped_bert() -> Bert:
    """Loads the tiny BERT that ships with the course."""

    def build(causal: bool, pretrained: bool) -> tuple[keras.Model, keras.Model]:
        backbone, mlm = load_bert(causal=causal)
        return (backbone, mlm) if pretrained else _random(config_of(backbone), causal)

    return Bert(load_tokenizer(), build)


def published_bert() -> Bert:
    """Loads the report's BERT, 12 layers and 32,000 pieces; its MLM head starts anew."""
    published = load_japanese_bert()
    sizes = published.backbone.get_config()
    config = BertConfig(
        sizes["vocabulary_size"],
        sizes["num_layers"],
        sizes["num_heads"],
        sizes["hidden_dim"],
        sizes["intermediate_dim"],
        sizes["max_sequence_length"],
        sizes["num_segments"],
        sizes["dropout"],
    )

    def build(causal: bool, pretrained: bool) -> tuple[keras.Model, keras.Model]:
        backbone, mlm = _random(config, causal)
        if pretrained:
            backbone.set_weights(published.backbone.get_weights())
        return backbone, mlm

    vocabulary = published.tokenizer.get_vocab()
    return Bert(WordPiece(sorted(vocabulary, key=vocabulary.__getitem__), "ipadic"), build)


def _random(config: BertConfig, causal: bool) -> tuple[keras.Model, keras.Model]:
    backbone = build_bert(config, causal)
    return backbone, with_mlm_head(backbone)
