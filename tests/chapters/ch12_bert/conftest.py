"""A BERT small enough for a test, on a vocabulary of its own."""

from __future__ import annotations

import keras
import pytest

from chapters.ch12_bert.encoders import Bert
from course_utils.bert import BertConfig, build_bert, with_mlm_head
from course_utils.wordpiece import SPECIAL_TOKENS, WordPiece

PIECES = (*SPECIAL_TOKENS, "私", "は", "雨", "が", "降る", "猫", "を", "見", "た", "。", "の", "##る")


@pytest.fixture(scope="session")
def bert() -> Bert:
    """A random BERT of one layer, the same each time it is built."""
    config = BertConfig(len(PIECES), 1, 2, 8, 16, max_length=128, dropout=0.0)

    def build(causal: bool, pretrained: bool) -> tuple[keras.Model, keras.Model]:
        keras.utils.set_random_seed(7 if pretrained else 8)
        backbone = build_bert(config, causal)
        return backbone, with_mlm_head(backbone)

    return Bert(WordPiece(PIECES), build)
