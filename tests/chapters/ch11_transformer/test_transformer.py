"""Chapter 11's Transformer: shapes, masks, the paper's number of parameters, search against brute force."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from chapters.ch11_transformer.transformer import (
    PAD,
    MultiHeadAttention,
    Sizes,
    Transformer,
    causal_mask,
    make_decoder,
    padding_mask,
    sinusoids,
)

SIZES = Sizes(vocabulary=7, width=16, heads=4, inner=24, layers=2, dropout=0.0)
SOURCE = np.array([[3, 4, 5, 6, 0], [4, 4, 3, 0, 0]], dtype=np.int32)
TARGET = np.array([[1, 3, 4, 5], [1, 6, 5, 3]], dtype=np.int32)


@pytest.fixture(scope="module")
def model() -> Transformer:
    keras.utils.set_random_seed(5)
    made = Transformer(SIZES)
    made.build()
    return made


def logits(model: Transformer, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(model((source, target))))


def test_parameters_are_those_of_the_formula(model: Transformer) -> None:
    attention = 4 * (16 * 16 + 16)
    feed_forward = 16 * 24 + 24 + 24 * 16 + 16
    encoder, decoder = attention + feed_forward + 4 * 16, 2 * attention + feed_forward + 6 * 16

    assert model.count_params() == 7 * 16 + 2 * (encoder + decoder)


@pytest.mark.parametrize("sizes", [{"width": 10, "heads": 4}, {"width": 9, "heads": 3}])
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="割り切れる"):
        Sizes(7, **sizes)


def test_logits_have_a_row_for_each_target_position(model: Transformer) -> None:
    assert logits(model, SOURCE, TARGET).shape == (2, 4, 7)


def test_later_targets_do_not_change_earlier_logits(model: Transformer) -> None:
    changed = TARGET.copy()
    changed[:, 2:] = [[6, 6], [3, 4]]
    before, after = logits(model, SOURCE, TARGET), logits(model, SOURCE, changed)

    np.testing.assert_allclose(before[:, :2], after[:, :2], atol=1e-5)
    assert np.abs(before[:, 2:] - after[:, 2:]).max() > 1e-2


def test_padding_changes_nothing(model: Transformer) -> None:
    longer = np.pad(SOURCE, [(0, 0), (0, 3)], constant_values=PAD)

    np.testing.assert_allclose(
        logits(model, SOURCE, TARGET), logits(model, longer, TARGET), rtol=1e-4, atol=1e-5
    )


def test_attention_weights_sum_to_one_and_are_zero_where_masked(model: Transformer) -> None:
    memory, encoder = model.encode(SOURCE)
    _, own, cross = model.decode(TARGET, memory, SOURCE)

    for weights in (*encoder, *own, *cross):
        np.testing.assert_allclose(np.asarray(weights).sum(axis=-1), 1, atol=1e-5)
    assert np.asarray(encoder[1])[1, :, :, 3:].max() == 0
    assert np.asarray(cross[1])[0, :, :, 4].max() == 0
    assert np.asarray(own[1])[:, :, *np.triu_indices(4, 1)].max() == 0


def test_without_positions_the_order_of_the_source_has_no_effect() -> None:
    blind = Transformer(Sizes(7, 16, 4, 24, 2, 0.0, positions=False))
    blind.build()
    turned = SOURCE[:1, [2, 0, 3, 1, 4]]

    np.testing.assert_allclose(
        logits(blind, SOURCE[:1], TARGET[:1]), logits(blind, turned, TARGET[:1]), rtol=1e-4, atol=1e-5
    )


def test_one_head_is_the_formula() -> None:
    layer, rng = MultiHeadAttention(8, 1), np.random.default_rng(2)
    x, memory = rng.normal(size=(1, 3, 8)).astype("float32"), rng.normal(size=(1, 5, 8)).astype("float32")
    output, weights = layer(x, memory, np.ones((3, 5), bool))

    scores = np.asarray(layer.query(x))[0] @ np.asarray(layer.key(memory))[0].T / np.sqrt(8)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(weights)[0, 0], expected, atol=1e-5)
    merged = layer.merge(ops.convert_to_tensor(expected @ np.asarray(layer.value(memory))[0])[None])
    np.testing.assert_allclose(np.asarray(output), np.asarray(merged), atol=1e-5)


def test_masks() -> None:
    np.testing.assert_array_equal(causal_mask(3), [[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(
        np.asarray(padding_mask(SOURCE))[:, 0, 0], [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]]
    )


def test_sinusoids_by_hand() -> None:
    np.testing.assert_allclose(
        sinusoids(3, 4)[2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)], atol=1e-6
    )


def score_of(model: Transformer, source: np.ndarray, tokens: tuple[int, ...]) -> float:
    """Log probability of a whole answer, by teacher forcing."""
    target = np.array([[1, *tokens[:-1]]], dtype=np.int32)
    steps = np.asarray(ops.log_softmax(logits(model, source, target)))[0]
    return float(steps[np.arange(len(tokens)), tokens].sum())


def test_greedy_takes_the_most_probable_next_token(model: Transformer) -> None:
    answers, scores = make_decoder(model, source_length=5, length=3)(SOURCE)
    written = [1]
    for _ in range(3):
        written.append(int(logits(model, SOURCE[:1], np.array([written]))[0, -1].argmax()))
        if written[-1] == 2:
            break

    assert answers.shape == (2, 1, 3)
    assert answers[0, 0, : len(written) - 1].tolist() == written[1:]
    assert scores[0, 0] == pytest.approx(score_of(model, SOURCE[:1], tuple(written[1:])), abs=1e-4)


def test_wide_enough_a_beam_finds_the_best_of_all_answers(model: Transformer) -> None:
    answers, scores = make_decoder(model, source_length=5, length=2, width=7)(SOURCE[:1])
    candidates = [(2,), *((a, b) for a, b in itertools.product(range(7), repeat=2) if a != 2)]
    best = max(candidates, key=lambda tokens: score_of(model, SOURCE[:1], tokens))

    assert scores[0, 0] == pytest.approx(score_of(model, SOURCE[:1], best), abs=1e-4)
    assert answers[0, 0, : len(best)].tolist() == list(best)
    assert (np.diff(scores[0]) <= 1e-6).all()


def test_an_answer_that_has_ended_stays_as_it_is(model: Transformer) -> None:
    answers, scores = make_decoder(model, source_length=5, length=3, width=40)(SOURCE[:1])
    ended = [(row, score) for row, score in zip(answers[0], scores[0], strict=True) if row[0] == 2]

    assert len(ended) == 1
    row, score = ended[0]
    assert row.tolist() == [2, PAD, PAD]
    assert score == pytest.approx(score_of(model, SOURCE[:1], (2,)), abs=1e-4)
