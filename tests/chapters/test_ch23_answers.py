"""Chapter 23's judge: its own arithmetic against other people's, and answers that know only what is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage import transform

from chapters.ch23_gradcam_lime_shap import probes
from chapters.ch23_gradcam_lime_shap.answers import draw_steady_case, gradients_of
from chapters.ch23_gradcam_lime_shap.exercises import EXERCISES, enlarged
from grader.chapters import load_chapter
from grader.exercise import Exercise, Status
from grader.judge import Verdict, judge_exercise
from grader.local import LocalAnswer
from grader.notebook import probes_of
from grader.workspace import run_cells

CHAPTER = load_chapter(23)
BY_ID = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)


def reference(exercise: Exercise) -> dict[str, Any]:
    """Names that the reference answer defines."""
    key = CHAPTER.key(exercise.id)
    assert key is not None
    namespace: dict[str, Any] = {"__name__": "__main__"}
    assert not run_cells([key.reference], namespace)
    return namespace


def judged(exercise: Exercise, namespace: dict[str, Any], seed: int) -> Verdict:
    """Verdict of the visible and the hidden check, in this process."""
    return judge_exercise(
        LocalAnswer(namespace, probes_of(CHAPTER), seed), exercise, CHAPTER.key(exercise.id)
    )


@BY_ID
@pytest.mark.parametrize("seed", range(4))
def test_reference_passes_whatever_is_drawn(exercise: Exercise, seed: int) -> None:
    verdict = judged(exercise, reference(exercise), seed)

    assert verdict.status is Status.PASSED, verdict.detail


@BY_ID
def test_answer_that_replays_the_visible_results_fails_the_hidden_check(exercise: Exercise) -> None:
    namespace = reference(exercise)
    results: dict[str, list[Any]] = {symbol: [] for symbol in exercise.symbols}

    def recorded(symbol: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def record(*args: Any, **kwargs: Any) -> Any:
            results[symbol].append(function(*args, **kwargs))
            return results[symbol][-1]

        return record

    recording = {symbol: recorded(symbol, namespace[symbol]) for symbol in exercise.symbols}
    visible = judge_exercise(LocalAnswer(recording, probes_of(CHAPTER), seed=7), exercise)
    assert visible.status is Status.PASSED

    def replayed(symbol: str) -> Callable[..., Any]:
        left = list(results[symbol])
        return lambda *args, **kwargs: left.pop(0) if len(left) > 1 else left[0]

    verdict = judged(exercise, {symbol: replayed(symbol) for symbol in exercise.symbols}, seed=7)

    assert (verdict.status is Status.PASSED, verdict.check) == (False, "hidden")


@BY_ID
def test_constant_answer_fails_the_visible_check(exercise: Exercise) -> None:
    constants: list[Any] = [0, 1.0, [], np.zeros((2, 2)), np.zeros((15, 12)), (np.zeros(2), 0.0)]
    for constant in constants:
        verdict = judged(exercise, dict.fromkeys(exercise.symbols, lambda *_, **__: constant), seed=7)  # noqa: B023

        assert (verdict.status is Status.PASSED, verdict.check) == (False, "visible")


@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_gradients_are_those_of_tensorflow(layer: str, hidden: int) -> None:
    network, image, _ = draw_steady_case(np.random.default_rng(1), (6, 8), (4, 5), 3, hidden)
    model = probes.small_cnn(6, 8, [4, 5], 3, hidden)
    model.set_weights(network.arrays)
    model.layers[-1].activation = keras.activations.linear
    both = keras.Model(model.input, [model.get_layer(layer).output, model.output])

    with tf.GradientTape(persistent=True) as tape:
        features, scores = both(image[np.newaxis])
        each = [scores[0, k] for k in range(3)]
    expected = np.stack([tape.gradient(score, features)[0] for score in each])

    np.testing.assert_allclose(gradients_of(network, image, layer), expected, rtol=1e-3, atol=1e-6)


def test_enlarging_is_that_of_the_libraries() -> None:
    cam = np.random.default_rng(2).uniform(0, 1, (5, 7)).astype("float32")
    rows = np.stack([np.interp(np.linspace(0, 6, 30), np.arange(7), row) for row in cam])
    corners = np.stack([np.interp(np.linspace(0, 4, 18), np.arange(5), column) for column in rows.T]).T
    mirrored = transform.resize(cam, (18, 30), order=1)  # type: ignore[no-untyped-call]

    for convention, expected in [
        ("edge", cv2.resize(cam, (30, 18), interpolation=cv2.INTER_LINEAR)),
        ("edge", tf.image.resize(cam[..., np.newaxis], (18, 30))[..., 0]),
        ("mirror", mirrored),
        ("corners", corners),
    ]:
        np.testing.assert_allclose(enlarged(cam, (18, 30), convention), expected, atol=1e-5)


@pytest.mark.parametrize("mask", [{0, 2}, [0, 1], [0, 1, 2], 5])
def test_game_refuses_what_is_no_mask(mask: Any) -> None:
    game = probes.coalition_game([0.0] * 8)

    with pytest.raises(ValueError, match="3 個並べたマスク"):
        game(mask)


def test_game_reads_a_mask_of_any_kind() -> None:
    game = probes.coalition_game([float(n) for n in range(8)])

    assert [game(mask) for mask in ((1, 0, 0), [0, 1, 0], np.array([False, False, True]))] == [1, 2, 4]


def test_scorer_refuses_a_single_image() -> None:
    score = probes.pixel_scorer(np.ones((2, 3, 1)))

    assert score(np.ones((4, 2, 3, 1))).tolist() == [6, 6, 6, 6]
    with pytest.raises(ValueError, match=r"\(枚数, 2, 3, 1\)"):
        score(np.ones((2, 3, 1)))
