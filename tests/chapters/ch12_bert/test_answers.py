"""Chapter 12's judge: its own arithmetic against Keras and the course's own modules."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from chapters.ch12_bert import probes
from chapters.ch12_bert.answers import cut, encoded, normalise, shortened
from chapters.ch12_bert.exercises import draw_encoder, draw_texts, encode, likeliest_words
from course_utils.bert import BertConfig, build_bert, mask_tokens, with_mlm_head
from course_utils.wordpiece import SPECIAL_TOKENS, WordPiece
from grader.exercise import Status
from tests.chapters.answering import judged, reference


def test_masking_of_the_course_passes_its_own_exercise() -> None:
    """The one difference is how the vocabulary is told."""

    def answer(ids: Any, size: int, mask_id: int, special_ids: list[int], seed: int) -> Any:
        order = [*special_ids, mask_id]
        others = [number for number in range(size) if number not in order]
        names = dict(zip(order, ("[PAD]", "[CLS]", "[SEP]", "[MASK]"), strict=True))
        names[others[0]] = "[UNK]"
        pieces = [names.get(number, f"p{number}") for number in range(size)]
        return mask_tokens(ids.astype("int32"), WordPiece(pieces), np.random.default_rng(seed))

    verdict = judged("ch12.mask_tokens", {"mask_tokens": answer}, seed=3)

    assert verdict.status is Status.PASSED, verdict.detail


def test_cutting_is_that_of_the_course() -> None:
    pieces = ["か", "かき", "##き", "##きく", "##け", "く"]
    tokenizer = WordPiece([*SPECIAL_TOKENS, *pieces])

    for word in ("かきく", "かきけ", "かけき", "くき", "け", "かきくけ"):
        assert cut(word, pieces) == list(tokenizer._cut(word))


def test_pairs_are_those_of_the_course() -> None:
    tokenizer = WordPiece(SPECIAL_TOKENS)
    first, second = list(range(10, 19)), list(range(20, 24))
    for length in (9, 11, 13, 21):
        a, b = shortened((len(first), len(second)), length - 3)
        ids, begins = tokenizer.row(first, second, length)
        rows = encoded(first[:a], second[:b], length, (tokenizer.cls, tokenizer.sep, tokenizer.pad))

        assert rows["token_ids"][: len(ids)] == ids
        assert rows["segment_ids"].index(1) == begins
        assert sum(rows["padding_mask"]) == len(ids)


def test_normalising_is_that_of_keras() -> None:
    x = np.random.default_rng(1).normal(3, 2, (4, 5, 6)).astype("float32")

    right = keras.layers.LayerNormalization(epsilon=1e-12)(x)

    np.testing.assert_allclose(normalise(x - x.mean(axis=-1, keepdims=True)), right, atol=1e-5)


def test_parameters_are_those_of_the_course() -> None:
    count = reference("ch12.parameters")["mlm_parameters"]

    backbone = build_bert(BertConfig(300, 2, 4, 24, 40, 50))
    pooler = backbone.get_layer("pooled_dense").count_params()

    assert count(300, 2, 24, 40, 50) == with_mlm_head(backbone).count_params() + pooler


def test_the_tiny_encoder_is_that_of_keras() -> None:
    rng = np.random.default_rng(1)
    drawn, texts = draw_encoder(rng, 9, 3, 4), draw_texts(rng, 5, 6, 9)
    encoder = probes.tiny_encoder(9, 3, 4, frozen=False)
    encoder.set_weights(list(drawn.values()))

    sequence, pooled = encode(texts, drawn)

    given = encoder(texts)
    np.testing.assert_allclose(given["sequence_output"], sequence, atol=1e-5)
    np.testing.assert_allclose(given["pooled_output"], pooled, atol=1e-5)


def test_likeliest_words_are_those_of_the_model() -> None:
    weights = [3, 1, 4, 1, 5]
    model = probes.weighing_words(weights, 17, 0.9)
    ids = [2, 7]
    for _ in range(9):
        ids.append(int(model(ids).argmax()))

    assert ids[2:] == likeliest_words(weights, 17, [2, 7], 9)
    assert model(ids).sum() == pytest.approx(1)


@pytest.mark.parametrize("ids", [[], 3, [[1, 2]], [0.5], "先生"])
def test_models_of_the_next_word_refuse_what_is_no_list_of_ids(ids: Any) -> None:
    for model in (probes.weighing_words([1], 5, 0.9), probes.steady_words([0.5, 0.5])):
        with pytest.raises(ValueError, match="id を並べた空でないリスト"):
            model(ids)
