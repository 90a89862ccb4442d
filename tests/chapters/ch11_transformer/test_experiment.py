"""Chapter 11's experiment: what is trained and measured, and what is stored."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from chapters.ch11_transformer import dates, experiment
from chapters.ch11_transformer.experiment import SEEDS, Normalised, Recalled
from chapters.ch11_transformer.transformer import Transformer
from course_utils.results import write_results

Trained = tuple[Transformer, experiment.KeepHalfway, dict[str, list[float]]]
DATA = dates.make_dates(1, train=experiment.BATCH * experiment.EPOCHS * 7, validation=20, test=30)


@pytest.fixture(scope="module")
def trained() -> Trained:
    keras.utils.set_random_seed(1)
    model, halfway = experiment.build_transformer(), experiment.KeepHalfway()
    history = experiment.train(model, DATA, callbacks=[halfway])
    return model, halfway, history


def test_target_is_the_decoder_input_one_step_later() -> None:
    (source, shifted), wanted = experiment.arrays(DATA.test)

    assert source.shape == (30, dates.SOURCE_LENGTH)
    np.testing.assert_array_equal(shifted[:, 1:], wanted[:, :-1])
    assert (shifted[:, 0] == dates.START).all()
    assert (wanted[:, -1] == dates.END).all()


def test_lstm_is_as_large_as_the_transformer() -> None:
    lstm, transformer = experiment.build_lstm().count_params(), experiment.build_transformer().count_params()

    assert 0.97 < lstm / transformer < 1.03


def test_training_learns_and_keeps_the_weights_on_the_way(
    trained: Trained,
) -> None:
    model, halfway, history = trained

    assert len(history["loss"]) == len(history["val_exact"]) == experiment.EPOCHS
    assert history["loss"][-1] < 0.75 * history["loss"][0]
    assert all(old.shape == new.shape for old, new in zip(halfway.weights, model.get_weights(), strict=True))
    assert any(
        not np.array_equal(old, new) for old, new in zip(halfway.weights, model.get_weights(), strict=True)
    )


def test_searches_follow_the_model_and_greedy_agrees_with_teacher_forcing(
    trained: Trained,
) -> None:
    model, halfway, _ = trained
    greedy, beam = (experiment.make_search(model, width) for width in (1, 4))
    final = model.get_weights()
    model.set_weights(halfway.weights)
    _, before = greedy(DATA.test.texts)
    model.set_weights(final)
    answers, scores = greedy(DATA.test.texts)

    assert not np.array_equal(before, scores)
    right = [answer == wanted for answer, wanted in zip(answers, DATA.test.wanted, strict=True)]
    np.testing.assert_array_equal(experiment.right_rows(model, DATA.test), right)
    tf.config.run_functions_eagerly(True)  # to trace the beams takes longer than to search with them once
    try:
        _, best_scores = beam(DATA.test.texts)
    finally:
        tf.config.run_functions_eagerly(False)
    assert (best_scores >= scores - 1e-4).mean() > 0.9


def test_metric_asks_for_the_whole_row() -> None:
    logits = keras.ops.one_hot(np.array([[1, 2], [1, 0]]), 3)

    assert np.asarray(experiment.exact(np.array([[1, 2], [1, 2]]), logits)).tolist() == [1, 0]


@pytest.mark.parametrize("name", ["dates", "ablations"])
def test_stored_dates_have_every_seed(name: str) -> None:
    results = experiment.stored_results(name)

    for model in {r.model for r in results}:
        assert [r.seed for r in results if r.model == model] == list(SEEDS)
    assert all(len(r.validation) == experiment.EPOCHS and 0 <= r.exact <= 1 for r in results)


def test_stored_distances_have_every_reader_distance_and_seed() -> None:
    found = {(r.reader, r.distance, r.seed) for r in experiment.stored_results("distance")}

    readers = experiment.distance.READERS
    assert found == {(r, d, s) for r in readers for d in experiment.DISTANCES for s in SEEDS}


def test_a_gradient_too_small_for_four_decimals_is_kept() -> None:
    assert Recalled("r", 200, 1, 10, -20.5, 0.1).gradient == pytest.approx(10**-20.5)


def test_results_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "RESULTS", tmp_path / "results.json")
    one = Normalised("m", 1, 10, 0.5, 0.25, 1.5, [1.0], [0.5])
    far = Recalled("r", 10, 1, 10, -8.5, 0.5)
    write_results(experiment.RESULTS, "dates", [one])
    write_results(experiment.RESULTS, "distance", [far])

    assert experiment.stored_results("dates") == [one]
    assert experiment.stored_results("distance") == [far]
    assert experiment.stored_results("ablations") == []
