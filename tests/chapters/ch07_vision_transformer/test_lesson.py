"""Chapter 7's lesson: its exercises' examples, and what its questions count on."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest

from chapters.ch07_vision_transformer import experiment, tables
from grader.course.chapters import load_chapter
from grader.course.notebooks import EXERCISE_LINE, build

CHAPTER = load_chapter("ch07_vision_transformer")
EXAMPLE = re.compile(r"```python\n(.*?)(\S[^\n]*)  # → (.+?)\n```", re.DOTALL)


def names_of(reference: str) -> dict[str, Any]:
    """Runs a reference answer beside what the lesson has at hand there."""
    names: dict[str, Any] = {"np": np, "keras": keras, "layers": keras.layers}
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


def test_the_answer_to_who_wins_at_300_images_holds_for_every_seed() -> None:
    assert min(tables.leads(experiment.stored_results("sizes"), 300)) > 0


def test_the_convolutional_stem_helps_with_every_seed_and_shifted_patches_do_not() -> None:
    results = experiment.stored_results("sizes") + experiment.stored_results("bias")
    stem, shifted = (
        tables.differences(results, f"ViT + {name}", "ViT", 3_000)
        for name in ("conv stem", "shifted patches")
    )

    assert min(stem) > 0
    assert min(shifted) < 0 < max(shifted)


def test_a_comparison_without_enough_seeds_or_with_both_signs_has_no_verdict() -> None:
    def run(key: str, seed: int, test: float) -> experiment.Result:
        return experiment.Result(key, seed, 10, 0.0, test, 0, 0.0)

    results = [run("ViT", seed, 0.5) for seed in range(4)]
    results += [run("higher", seed, 0.6) for seed in range(3)] + [run("few", seed, 0.6) for seed in range(2)]
    results += [run("mixed", seed, 0.4 + 0.1 * seed) for seed in range(4)]

    rows = tables.gain_rows(results, {name: (name, "ViT") for name in ("higher", "few", "mixed", "none")})

    assert [row["判定"] for row in rows] == ["高い", "分からない", "分からない", "分からない"]
    assert tables.seeds(results) == "2〜4 つのシード"


def test_a_picture_of_twice_the_side_has_sixteen_times_the_attention() -> None:
    _, small = tables.multiply_adds(14 * 14, 768, 3072)
    _, large = tables.multiply_adds(28 * 28, 768, 3072)

    assert large / small == 16


def test_only_what_sees_both_edges_can_compare_them() -> None:
    pairs = experiment.stored_results("pairs")

    assert len({r.seed for r in pairs}) == 5
    assert min(tables.scores(pairs, "CNN, far")) > 0.95
    assert max(tables.scores(pairs, "CNN, near")) < 0.6


def test_a_block_costs_more_than_in_proportion_to_its_tokens() -> None:
    costs = experiment.stored_cost()
    tokens, seconds = (np.array([getattr(cost, name) for cost in costs]) for name in ("tokens", "seconds"))

    assert (np.diff(seconds / tokens)[1:] > 0).all()
    assert tables.quadratic(costs)[1] < 0.1
    assert seconds[0] == 1


def test_what_textures_taught_helps_flowers_for_every_seed() -> None:
    carried = experiment.stored_results("textures")

    for name in ("ViT", "CNN"):
        gains = tables.differences(carried, f"{name} tuned", f"{name} scratch")
        assert len(gains) == 5
        assert min(gains) > 0
