"""The report's text classification, its repairs and the baselines."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from chapters.ch12_bert import classification
from chapters.ch12_bert.classification import BASELINES, CURVES, METHODS, Method
from chapters.ch12_bert.encoders import Bert
from course_utils.texts import Passages

TEXTS = ("私は猫を見た。", "雨が降る。", "猫の雨。") * 8
PASSAGES = Passages(
    TEXTS, np.array([0, 1, 2] * 8), tuple(f"話題{n // 3}" for n in range(24)), ("一", "二", "三")
)


def method(key: str) -> Method:
    return next(method for method in METHODS if method.key == key)


def test_the_report_reads_a_text_twice_and_padding_as_text(bert: Bert) -> None:
    inputs = classification.encode(method("0"), ("雨が降る。",), bert)

    ids = inputs["token_ids"][0].tolist()
    once = [bert.tokenizer.cls, *bert.tokenizer.ids("雨が降る。"), bert.tokenizer.sep]
    assert ids[: 2 * len(once) - 1] == [*once, *once[1:]]
    assert inputs["token_ids"].shape == (1, 128)
    assert inputs["padding_mask"].all()
    assert not inputs["segment_ids"].any()


def test_a_mended_method_reads_a_text_once_and_no_more_than_needed(bert: Bert) -> None:
    inputs = classification.encode(method("2"), ("雨が降る。", "雨。"), bert)

    assert inputs["token_ids"].shape == (2, 2 + len(bert.tokenizer.ids("雨が降る。")))
    np.testing.assert_array_equal(inputs["padding_mask"].sum(axis=1), [6, 4])


def test_the_average_leaves_padding_out(bert: Bert) -> None:
    backbone, _ = bert.build(False, True)
    encoder = classification.summarise(method("3"), backbone)
    short = bert.tokenizer.encode(["雨が降る。"], length=6)
    padded = bert.tokenizer.encode(["雨が降る。"], length=20)

    np.testing.assert_allclose(np.asarray(encoder(short)), np.asarray(encoder(padded)), atol=1e-5)


def test_the_head_is_the_reports() -> None:
    start = keras.Input((8,))

    model = classification.add_head(start, start, 1e-7)

    assert model.count_params() == 8 * 256 + 256 + 256 * 3 + 3
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-7)


@pytest.mark.parametrize("key", ["0", "2", "5"])
def test_a_method_reports_what_it_measured(key: str, bert: Bert) -> None:
    result = classification.execute(replace(method(key), epochs=2), PASSAGES, PASSAGES, bert, seed=1)

    assert result.key == key
    assert len(result.loss) == 2
    assert np.sum(result.confusion) == len(TEXTS)
    assert result.accuracy == pytest.approx(np.trace(result.confusion) / len(TEXTS))
    assert sum(result.probe) == pytest.approx(1, abs=1e-5)


def test_a_method_gives_the_same_numbers_again(bert: Bert) -> None:
    first, second = (classification.execute(method("2"), PASSAGES, PASSAGES, bert, seed=4) for _ in range(2))

    assert replace(first, seconds=0) == replace(second, seconds=0)


def test_training_the_encoder_learns_three_sentences(bert: Bert) -> None:
    trained = replace(method("5"), learning_rate=1e-2, epochs=10)

    assert classification.execute(trained, PASSAGES, PASSAGES, bert, seed=1).accuracy == 1


def test_at_the_reports_rate_the_loss_stays(bert: Bert) -> None:
    result = classification.execute(method("0"), PASSAGES, PASSAGES, bert, seed=1)

    assert abs(result.loss[-1] - result.loss[0]) < 1e-3


def test_baselines_know_what_they_may() -> None:
    results = {key: classification.execute_baseline(key, PASSAGES, PASSAGES, seed=1) for key in BASELINES}

    assert results["多数"].accuracy == pytest.approx(1 / 3)
    assert results["多数"].probe == pytest.approx([1 / 3] * 3)
    assert results["長さ"].accuracy == 1  # 7, 5 and 4 characters
    assert results["TF-IDF"].accuracy == 1


def test_the_majority_is_that_of_training() -> None:
    training = PASSAGES.take([0, 1, 4, 7, 10])

    result = classification.execute_baseline("多数", training, PASSAGES, seed=1)

    assert [row[1] for row in result.confusion] == [8, 8, 8]


def test_learning_curves_learn_from_as_many_as_they_say(bert: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "SHOTS", (1, 8))

    results = list(classification.learning_curves(PASSAGES, PASSAGES, bert, seed=1))

    assert [r.key for r in results] == [f"{name} {shots}" for shots in (1, 8) for name in CURVES]
    assert all(r.accuracy == 1 for r in results[3:])


def test_random_vectors_are_others_than_pretrained_ones(bert: Bert) -> None:
    vectors = [
        classification.average_vectors((TEXTS[:2],), bert, pretrained, 1)[0] for pretrained in (True, False)
    ]

    assert vectors[0].shape == (2, 8)
    assert not np.allclose(*vectors)
