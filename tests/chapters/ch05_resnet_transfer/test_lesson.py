"""Chapter 5's lesson: what it says in passing, its exercises' examples, and what its questions count on."""

from __future__ import annotations

import re
from collections import Counter
from math import comb
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from chapters.ch05_resnet_transfer import experiment, tables
from chapters.ch05_resnet_transfer.taught import classifier, deep_network, fit, gradient_norms
from course_utils.backbones import load_backbone, preprocess, residual_block
from course_utils.flowers import draw_flowers
from grader.course.chapters import load_chapter
from grader.course.notebooks import EXERCISE_LINE, build

CHAPTER = load_chapter("ch05_resnet_transfer")
EXAMPLE = re.compile(r"```python\n(.*?)(\S[^\n]*)  # → (.+?)\n```", re.DOTALL)


def names_of(reference: str) -> dict[str, Any]:
    """Runs a reference answer beside what the lesson has at hand there."""
    names: dict[str, Any] = {"np": np, "backbone": load_backbone(experiment.SMALL)}
    exec(reference, names)
    return names


@pytest.mark.parametrize("exercise", [id for id, each in CHAPTER.exercises.items() if each.question is None])
def test_the_example_of_an_exercise_is_what_the_reference_gives(exercise: str) -> None:
    cells = build(CHAPTER, "").cells
    (at,) = (
        i for i, cell in enumerate(cells) if (m := EXERCISE_LINE.match(cell.source)) and m[1] == exercise
    )
    example = EXAMPLE.search(cells[at - 1].source)
    assert example is not None
    before, call, result = example.groups()
    assert CHAPTER.keys is not None
    names = names_of(CHAPTER.keys[exercise].reference)

    exec(before, names)

    value = eval(call, names)
    shown = str(value) if isinstance(value, np.ndarray) else repr(value)
    assert re.sub(r"\s+(?=[\s\]])", "", shown) == result


def median_test(results: list[experiment.Result], key: str) -> float:
    return float(np.median([result.test for result in tables.by_key(results, key)]))


def test_the_run_to_decide_on_is_the_one_that_is_chosen_most_often() -> None:
    assert CHAPTER.keys is not None
    choose_run = names_of(CHAPTER.keys["ch05.choose_run"].reference)["choose_run"]
    question = CHAPTER.exercises["ch05.decide_run"].question
    right = CHAPTER.keys["ch05.decide_run"].right
    by_seed = tables.rows_by_seed(experiment.stored_results("photos"))

    chosen = Counter(choose_run(rows, 0.02) for rows in by_seed.values())
    wider = Counter(choose_run(rows, 0.05) for rows in by_seed.values())

    assert question is not None
    assert right is not None
    [(name, count), (second, once)] = chosen.most_common()
    assert (name, count, once) == (question.options[right.letter], 4, 1)
    assert second == question.options["エ"]
    assert len(wider) == 2
    assert {run.name for run in experiment.RUNS} >= set(question.options.values())
    for letter in ("ア", "ウ"):
        for rows in by_seed.values():
            (row,) = (row for row in rows if row["run"] == question.options[letter])
            assert row["validation"] < max(each["validation"] for each in rows) - 0.02


def test_the_best_of_200_guessers_is_what_the_question_takes_for_right() -> None:
    below = np.cumsum([comb(60, k) * 0.2**k * 0.8 ** (60 - k) for k in range(61)])
    best = below**200 - np.append(0, below[:-1]) ** 200
    expected = 100 * float(best @ np.arange(61)) / 60
    assert CHAPTER.keys is not None
    right = CHAPTER.keys["ch05.estimate_selection"].right

    assert right is not None
    assert abs(expected - right.value) < 1
    likely = sum(p for k, p in enumerate(best) if abs(100 * k / 60 - right.value) <= right.within + 1e-9)
    assert likely > 0.95


def test_the_best_of_guessers_looks_better_than_it_is() -> None:
    rng = np.random.default_rng(1)
    guesses, truth = rng.integers(0, 5, (200, 60)), rng.integers(0, 5, 60)

    best = (guesses == truth).mean(axis=1).max()
    fresh = (rng.integers(0, 5, 10_000) == rng.integers(0, 5, 10_000)).mean()

    assert 0.1 <= best - fresh <= 0.3


def test_a_block_whose_last_gamma_is_0_is_the_identity() -> None:
    inputs = keras.Input((8, 8, 4))
    block = keras.Model(inputs, residual_block(inputs, filters=4))
    last = [layer for layer in block.layers if isinstance(layer, layers.BatchNormalization)][-1]
    last.gamma.assign(np.zeros(4))
    x = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 4)).astype("float32")

    np.testing.assert_array_equal(block.predict(x, verbose=0), x)


def test_resnet50_has_the_parameters_that_keras_lists() -> None:
    assert keras.applications.ResNet50(weights=None).count_params() == 25_636_712


def test_the_gradient_reaches_every_layer_of_a_residual_network() -> None:
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    images, labels = rng.normal(size=(8, 16, 16, 3)).astype("float32"), rng.integers(0, 5, 8)

    norms = gradient_norms(deep_network(6, shortcut=True, normalise=True), images, labels)

    assert len(norms) == 7
    assert min(norms) > 0


def test_on_drawn_flowers_fine_tuning_rarely_stops_first() -> None:
    pairs = tables.pairs(experiment.stored_results("quick"))

    assert np.mean([more < 0 for pair in pairs for more in pair.longer]) <= 0.4


def test_on_drawn_flowers_fine_tuning_beats_transfer_for_every_seed() -> None:
    (gains,) = (p.gains for p in tables.pairs(experiment.stored_results("quick")) if p.frozen == "b")

    assert min(gains) > 0


def test_frozen_features_of_photographs_help_and_those_of_fractals_do_not() -> None:
    sources = experiment.stored_results("sources")
    none = median_test(sources, "scratch frozen")

    assert 0.1 <= median_test(sources, "cifar10 frozen") - none <= 0.4
    assert -0.1 <= median_test(sources, "fractal frozen") - none <= 0.05


def test_batch_normalization_that_is_not_trainable_keeps_its_averages_in_training_mode() -> None:
    images, labels = draw_flowers(count_per_class=2, size=32, seed=1)
    body = load_backbone(experiment.SMALL)
    body.trainable = False
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(body(inputs, training=True)))
    model.compile("adam", "sparse_categorical_crossentropy")
    before = body.get_weights()

    model.fit(preprocess(images), labels, verbose=0)

    for old, new in zip(before, body.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_rate_of_1e_2_loses_what_pretraining_gave() -> None:
    splits = experiment.SCALES["quick"].load(3)
    data = [(preprocess(split.images), split.labels) for split in (splits.train, splits.validation)]
    stored = [r for r in experiment.stored_results("quick") if r.seed == 3 and r.key in ("c", "1")]
    keras.utils.set_random_seed(3)
    backbone = load_backbone(experiment.SMALL)

    hasty = fit(classifier(backbone.input, backbone.output, 1e-2), *data, epochs=2)["val_acc"][-1]

    assert max(result.history["val_acc"][1] for result in stored) - hasty >= 0.1
