"""Chapter 11's judge: its own arithmetic against other people's."""

from __future__ import annotations

from itertools import product
from typing import Any

import keras
import numpy as np
import pytest

from chapters.ch11_transformer import probes
from chapters.ch11_transformer.answers import (
    encoding,
    search,
    table_model,
    wrong_searches,
)
from chapters.ch11_transformer.exercises import (
    CROSSED_TIES,
    EARLY_END,
    FORK,
    THREE_STEPS,
    TIES,
    block_parameters,
    draw_attention,
    draw_marked,
    layer_norm,
)
from tests.chapters.answering import reference


def test_attention_of_the_reference_is_that_of_keras() -> None:
    """Keras has the heads behind the length."""
    attention = reference("ch11.attention")["attention"]
    query, key, value, mask = draw_attention(np.random.default_rng(1), (2, 3), 4, 5, 6, 6)

    output, _ = attention(query, key, value, mask)

    swapped = (np.swapaxes(array, 1, 2) for array in (query, key, value))
    expected = keras.ops.dot_product_attention(*swapped, mask=np.broadcast_to(mask, (2, 3, 4, 5)))
    np.testing.assert_allclose(output, np.swapaxes(np.asarray(expected), 1, 2), atol=1e-5)


def test_decoder_mask_of_the_reference_leaves_no_gradient_to_the_future_or_padding() -> None:
    mask = reference("ch11.causal_mask")["decoder_mask"](np.array([[1, 1, 0, 1]]))
    layer = keras.layers.MultiHeadAttention(2, 3)
    x = np.random.default_rng(2).normal(0, 1, (1, 4, 5)).astype("float32")
    before = np.asarray(layer(x, x, attention_mask=mask))

    for j in range(4):
        other = x.copy()
        other[:, j] += 3
        moved = np.abs(np.asarray(layer(other, other, attention_mask=mask)) - before)[0].max(axis=-1) > 1e-6
        seen = [i for i in range(4) if i == j or (j <= i and j != 2)]  # each i asks for itself, too

        assert np.flatnonzero(moved).tolist() == seen


def test_rotation_of_the_reference_shifts_the_encoding_of_the_reference() -> None:
    rotate = reference("ch11.rotation")["rotation_matrix"]
    encode = reference("ch11.positional_encoding")["positional_encoding"]
    pe = encode(60, 8, 10000)

    np.testing.assert_allclose(pe[:-7] @ rotate(7, 8).T, pe[7:], atol=1e-12)
    np.testing.assert_allclose(pe, encoding(60, 8), atol=1e-12)


def score(table: Any, ids: tuple[int, ...]) -> float:
    """Log probability of a row, word by word."""
    model = probes.table_of_words(table)
    return sum(float(model([0, *ids[:n]])[word]) for n, word in enumerate(ids))


@pytest.mark.parametrize("table", [FORK, THREE_STEPS, EARLY_END], ids=["fork", "three steps", "early end"])
@pytest.mark.parametrize("length", [2, 3])
def test_wide_search_finds_the_likeliest_of_all_rows(table: Any, length: int) -> None:
    rows = {
        row[: row.index(1) + 1] if 1 in row else row for row in product(range(4), repeat=length)
    }  # 1 ends a row
    likeliest = max(rows, key=lambda row: score(table, row))

    ids, found = search(table_model(np.asarray(table)), (0, 1), (4**length, length))

    assert ids == likeliest
    assert found == pytest.approx(score(table, likeliest))


def test_beam_finds_a_likelier_row_than_greedy_search() -> None:
    greedy, wide = (search(table_model(FORK), (0, 1), (width, 4)) for width in (1, 2))

    assert (greedy[0], wide[0]) == ((2, 1), (3, 1))
    assert score(FORK, wide[0]) > score(FORK, greedy[0])


@pytest.mark.parametrize("table", [FORK, THREE_STEPS, EARLY_END, TIES, CROSSED_TIES])
def test_shown_tables_treat_both_ways_to_keep_ended_rows_alike(table: Any) -> None:
    for width in (1, 2, 3):
        kept, aside = (
            search(table_model(np.asarray(table)), (0, 1), (width, 3), finished=way)
            for way in ("compete", "aside")
        )
        assert kept == aside


def test_wrong_searches_differ_in_some_shown_table() -> None:
    wrong = set()
    for table, sizes in ((FORK, (2, 4)), (THREE_STEPS, (3, 3)), (EARLY_END, (3, 3))):
        model = table_model(np.asarray(table))
        right = search(model, (0, 1), sizes)
        wrong |= {
            reason for reason, found in wrong_searches(model, (0, 1), sizes).items() if found[0] != right[0]
        }

    assert wrong == set(wrong_searches(table_model(FORK), (0, 1), (2, 4)))


@pytest.mark.parametrize("ids", [[], 3, [[0, 1]], [0.5], "年"])
def test_model_of_the_next_word_refuses_what_is_no_list_of_ids(ids: Any) -> None:
    with pytest.raises(ValueError, match="id のリストを 1 本だけ"):
        probes.table_of_words(FORK)(ids)


def test_model_of_the_next_word_gives_probabilities() -> None:
    model = probes.table_of_words(np.asarray(THREE_STEPS))

    for ids in ([0], [0, 2], [0, 2, 3], [0, 2, 3, 2, 3]):
        assert np.exp(model(ids)).sum() == pytest.approx(1)
    assert model([0, 3])[2] == pytest.approx(np.log(0.44))


def test_judge_counts_the_parameters_of_the_block_of_keras() -> None:
    block = reference("ch11.transformer_block")["encoder_block"](8, 2, 11)

    assert block.count_params() == block_parameters(8, 11)


def test_normalising_is_that_of_keras() -> None:
    x = np.random.default_rng(4).normal(3, 2, (4, 5, 6)).astype("float32")

    right = keras.layers.LayerNormalization(epsilon=1e-6)(x)

    np.testing.assert_allclose(layer_norm(x), right, atol=1e-5)


def test_marks_stand_on_real_things_alone() -> None:
    x, mask, kinds = draw_marked(np.random.default_rng(5), 300, 6, 12, 4)
    marked = x[..., 4].argmax(axis=1)

    assert mask[np.arange(300), marked].all()
    assert (x[np.arange(300), marked, :4].argmax(axis=1) == kinds).all()
    assert set(kinds.tolist()) == {0, 1, 2, 3}
    assert mask.sum(axis=1).min() == 2
