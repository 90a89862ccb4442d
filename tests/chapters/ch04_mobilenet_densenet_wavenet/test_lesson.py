"""Chapter 4's lesson: what it teaches and says in passing, its examples, what its questions count on."""

from __future__ import annotations

import functools
import re
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from chapters.ch04_mobilenet_densenet_wavenet import costs, experiment, tables
from chapters.ch04_mobilenet_densenet_wavenet.taught import (
    DILATIONS,
    NETWORKS,
    build_network,
    build_wavenet,
    causal_stack,
    dense_body,
    dense_layer,
    densenet_bc,
    gradient_of_output,
    gradient_reaching,
    products_in,
    separable_block,
    transition,
)
from grader.course.chapters import load_chapter
from grader.course.notebooks import EXERCISE_LINE, build

CHAPTER = load_chapter("ch04_mobilenet_densenet_wavenet")
EXAMPLE = re.compile(r"```python\n(.*?)(\S[^\n]*)  # → (.+?)\n```", re.DOTALL)
EQUAL = ("ResNet", "MobileNet", "DenseNet")
NARROW = "MobileNet (同じ幅)"
PAPER = [2**layer for layer in range(10)]


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
    names: dict[str, Any] = {"np": np}
    exec(CHAPTER.keys[exercise].reference, names)

    exec(before, names)

    assert repr(eval(call, names)) == result


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_map_images_to_logits(name: str) -> None:
    model = build_network(name, 7)

    assert model.input.shape == (None, 32, 32, 3)
    assert model.output.shape == (None, 7)


@pytest.mark.parametrize("classes", [5, 10])
def test_three_networks_have_as_many_parameters_within_three_per_cent(classes: int) -> None:
    counts = [tables.trainable_parameters(build_network(name, classes)) for name in EQUAL]

    assert max(counts) / min(counts) < 1.03


def test_separable_blocks_save_products_at_equal_width_and_hardly_any_at_equal_parameters() -> None:
    products = {name: costs.total_multiply_adds(build_network(name, 5)) for name in NETWORKS}

    assert 4 < products["ResNet"] / products[NARROW] < 6
    assert 0.8 < products["ResNet"] / products["MobileNet"] < 1.5


def test_the_device_of_the_decision_takes_a_growth_of_four_because_of_multiply_adds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cost(growth: int) -> tuple[int, int]:
        body = functools.partial(dense_body, growth=growth)
        monkeypatch.setitem(NETWORKS, "small", (body, *NETWORKS["DenseNet"][1:]))
        model = build_network("small", 5)
        return costs.peak_activations(model), costs.total_multiply_adds(model)

    values, products = zip(*map(cost, (4, 5, 6)), strict=True)

    assert values[1] <= 20_000 < values[2]
    assert products[0] <= 1_200_000 < products[1]


def test_dense_layer_keeps_what_it_read() -> None:
    inputs = keras.Input((5, 5, 3))
    model = keras.Model(inputs, dense_layer(inputs, 2))
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype("float32")

    y = model.predict(x, verbose=0)

    assert y.shape == (2, 5, 5, 5)
    np.testing.assert_array_equal(y[..., :3], x)


def test_transition_halves_channels_and_map() -> None:
    assert transition(keras.Input((8, 8, 10))).shape == (None, 4, 4, 5)


def test_separable_block_has_no_convolution_over_places_and_channels_at_once() -> None:
    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, separable_block(inputs, 6, stride=2))
    normal = [layer for layer in model.layers if type(layer) is layers.Conv2D]

    assert model.output.shape == (None, 4, 4, 6)
    assert [layer.kernel_size for layer in normal] == [(1, 1)]
    assert sum(isinstance(layer, layers.DepthwiseConv2D) for layer in model.layers) == 1


def test_split_convolution_costs_the_share_of_the_formula_on_real_layers() -> None:
    split = products_in(layers.DepthwiseConv2D(3), (10, 9, 4)) + products_in(layers.Conv2D(6, 1), (8, 7, 4))

    assert split / products_in(layers.Conv2D(6, 3), (10, 9, 4)) == pytest.approx(1 / 6 + 1 / 9)


def test_products_with_a_stride_are_counted_at_the_output() -> None:
    assert products_in(layers.Conv2D(6, 3, strides=2), (9, 9, 4)) == 4 * 4 * 9 * 4 * 6


def test_separable_convolution_is_two_steps_and_a_special_case_of_one() -> None:
    layer = layers.SeparableConv2D(6, 3, use_bias=False)
    x = np.random.default_rng(1).normal(size=(2, 10, 9, 4)).astype("float32")
    y = layer(x).numpy()
    spatial, mixing = layer.get_weights()

    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    two_steps = np.einsum("nhwcij,ijc->nhwc", windows, spatial[..., 0]) @ mixing[0, 0]

    np.testing.assert_allclose(two_steps, y, atol=1e-5)
    np.testing.assert_allclose(ops.conv(x, spatial * mixing), y, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "parameters", "added", "concatenated"),
    [
        ("MobileNet", 4_253_864, 0, 0),
        ("MobileNetV2", 3_538_984, 10, 0),
        ("DenseNet121", 8_062_504, 0, 58),
        ("ResNet50", 25_636_712, 16, 0),
    ],
)
def test_published_networks_have_the_parameters_that_keras_lists(
    name: str, parameters: int, added: int, concatenated: int
) -> None:
    model = getattr(keras.applications, name)(weights=None)

    assert model.count_params() == parameters
    assert sum(isinstance(layer, layers.Add) for layer in model.layers) == added
    assert sum(isinstance(layer, layers.Concatenate) for layer in model.layers) == concatenated
    if name == "DenseNet121":
        read = [model.get_layer(f"conv2_block{n}_1_conv").kernel.shape[2] for n in range(1, 7)]
        assert read == [64 + 32 * layer for layer in range(6)]


def test_mobilenet_costs_what_the_paper_and_the_profiler_say_and_its_row_of_table_2_is_misprinted() -> None:
    model = keras.applications.MobileNet(weights=None)
    counts, total = costs.by_kind(model), costs.total_multiply_adds(model)
    last = costs.multiply_adds(model.get_layer("conv_preds"))
    rows = {row["層"]: row for row in tables.shares(model)}

    assert total == costs.profiled_multiply_adds(model) == 568_740_352
    assert 4860e6 < 9 * (counts["1×1"][0] - last) + counts["3×3"][0] + last < 4872e6
    assert rows["3×3 (入口)"]["積和の割合 (%)"] == "1.91"
    assert rows["和"]["論文の表 2 (%)"] == "99.29"
    assert rows["和"]["積和の割合 (%)"] == "100.00"


def test_densenet_bc_has_as_many_parameters_as_the_paper_says() -> None:
    assert tables.trainable_parameters(densenet_bc()) == 769_162  # table 2: 0.8M


def test_gradients_vanish_without_concatenation_unless_the_initial_weights_suit_relu() -> None:
    assert 0.1 < gradient_reaching(dense=True) < 10
    assert gradient_reaching(dense=False) < 0.01
    assert 0.01 < gradient_reaching(dense=False, initializer="he_normal") < 1


@pytest.mark.parametrize(("dilations", "field"), [(PAPER, 1024), (3 * PAPER, 3070), ([1] * 10, 11)])
def test_receptive_field_is_what_the_formula_says(dilations: list[int], field: int) -> None:
    reached = gradient_of_output(causal_stack(dilations), 4000, 3999)

    assert np.count_nonzero(reached) == field
    assert (reached[-field:] != 0).all()
    if dilations == PAPER:
        assert (reached[-field:] == 1).all()


@pytest.mark.parametrize(("padding", "future"), [("causal", 0), ("same", 32)])
def test_only_causal_padding_hides_the_future(padding: str, future: int) -> None:
    reached = gradient_of_output(causal_stack(PAPER[:6], padding), 400, 200)

    assert np.count_nonzero(reached[201:]) == future


def test_wavenet_has_no_recurrent_layer_and_sees_256_samples() -> None:
    assert not [layer for layer in build_wavenet().layers if isinstance(layer, layers.RNN)]
    assert 1 + sum(DILATIONS) == 256


def median_ratio(name: str) -> float:
    results = experiment.stored_results("blocks")
    return float(np.median(tables.ratios(results, "milliseconds", name)))


def test_fewer_products_do_not_save_time_in_the_stored_runs() -> None:
    assert median_ratio(NARROW) > 1
    assert median_ratio("MobileNet") > 1


def test_every_stored_network_learns_and_they_rank_as_the_lesson_says() -> None:
    data = {"blocks": 0.2, "photos": 0.1}
    for name, chance in data.items():
        results = experiment.stored_results(name)
        medians = [np.median([r.test for r in tables.by_network(results, each)]) for each in NETWORKS]
        assert min(r.test for r in results) > 1.5 * chance
        assert medians[2] > medians[0] > medians[1] > medians[3]
    both = [experiment.stored_results(name) for name in data]
    assert tables.wins(both, "DenseNet", "ResNet") == 1
    assert tables.wins(both, "MobileNet", "ResNet") == 0


@pytest.mark.parametrize("name", experiment.DILATED)
def test_stored_waves_sing_in_tune_with_and_without_dilation(name: str) -> None:
    for result in experiment.stored_results("waves" if name == "dilated" else "undilated"):
        assert tables.median_error(result) < 0.01
