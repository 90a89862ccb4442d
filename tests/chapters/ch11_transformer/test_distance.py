"""Chapter 11's task over a distance."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from chapters.ch11_transformer import distance
from chapters.ch11_transformer.distance import QUESTION, READERS, SYMBOLS


def test_the_answer_is_the_first_symbol_and_the_question_comes_last() -> None:
    rows, answers = distance.make_rows(np.random.default_rng(0), 40, 6)

    assert rows.shape == (40, 8)
    np.testing.assert_array_equal(rows[:, 0], answers)
    assert (rows[:, -1] == QUESTION).all()
    assert rows[:, :-1].max() < SYMBOLS


def test_readers_have_about_the_same_size() -> None:
    counts = [distance.build_reader(name, 10).count_params() for name in READERS]

    assert max(counts) / min(counts) < 1.05


@pytest.mark.parametrize("name", READERS)
def test_the_far_symbol_reaches_every_reader(name: str) -> None:
    keras.utils.set_random_seed(0)
    rows, answers = distance.make_rows(np.random.default_rng(0), 20, 5)
    model = distance.build_reader(name, 5)

    assert np.asarray(model(rows)).shape == (20, SYMBOLS)
    assert distance.far_gradient(model, rows, answers) > 1e-4


def test_attention_computed_for_the_last_position_is_that_of_the_whole_layer() -> None:
    keras.utils.set_random_seed(0)
    reader = distance.OneAttention()
    x = np.random.default_rng(1).normal(size=(2, 6, distance.WIDTH)).astype("float32")
    last = np.asarray(reader(x))
    whole, _ = reader.layer(x, np.ones((6, 6), bool))

    np.testing.assert_allclose(last, np.asarray(whole)[:, -1], atol=1e-5)


def test_slow_forgetting_opens_the_forget_gate_and_closes_the_input_gate() -> None:
    biases = np.asarray(distance.LongMemory(100)((4 * 50,)))
    entered, forgotten, rest = biases[:50], biases[50:100], biases[100:]

    np.testing.assert_allclose(entered, -forgotten)
    assert (forgotten >= 0).all()
    assert forgotten.max() <= np.log(99)
    assert not rest.any()


def test_a_few_updates_teach_attention_a_short_distance() -> None:
    keras.utils.set_random_seed(0)
    model = distance.build_reader(READERS[0], 3)
    distance.train_reader(model, np.random.default_rng(0), 3, updates=150, rate=5e-3)

    assert distance.accuracy(model, *distance.make_rows(np.random.default_rng(1), 200, 3)) > 0.9
