"""Chapter 7's experiments: the networks, the ways to look inside, and what is stored."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from chapters.ch07_vision_transformer import experiment, tables
from chapters.ch07_vision_transformer.experiment import DIM
from chapters.ch07_vision_transformer.pictures import SIZE, TILE
from chapters.ch07_vision_transformer.taught import patch_projection, vit


def images(count: int = 2, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, SIZE, SIZE, 3)).astype("float32")


def test_networks_are_of_like_size() -> None:
    sizes = {name: network().count_params() for name, network in experiment.NETWORKS.items()}

    assert 0.97 < sizes["CNN"] / sizes["ViT"] < 1.03
    assert all(0.9 < size / sizes["ViT"] < 1.15 for size in sizes.values())
    near, far = (experiment.grid_cnn(stride).count_params() for stride in (1, 2))
    assert near == far


def gradient_reach(stride: int) -> np.ndarray:
    """Tells which columns of patches the middle feature of the last map depends on."""
    model = experiment.grid_cnn(stride)
    for layer in model.layers:  # all positive, so that nothing cancels and no ReLU closes
        layer.set_weights([np.abs(weight) + 0.01 for weight in layer.get_weights()])
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1].output
    probe = keras.Model(model.input, last)
    side = last.shape[1]
    base = np.ones((1, SIZE, SIZE, 3), "float32")
    reached = []
    for column in range(SIZE // TILE):
        other = base.copy()
        other[:, :, TILE * column : TILE * (column + 1)] = 2
        before, after = (probe.predict(x, verbose=0)[0, side // 2, side // 2] for x in (base, other))
        reached.append(not np.array_equal(before, after))
    return np.array(reached)


def test_only_the_stride_decides_whether_a_feature_sees_both_edges() -> None:
    near, far = gradient_reach(1), gradient_reach(2)

    assert near.sum() == 7
    assert far.all()


def test_patches_overlap_where_they_are_shifted_or_convolved_and_in_the_control_they_do_not() -> None:
    inside = np.zeros((1, SIZE, SIZE, 3), "float32")
    inside[0, TILE, TILE] = 1  # first pixel of the patch in the second row and column
    keras.utils.set_random_seed(1)
    stems = {
        "plain": patch_projection(TILE, DIM),
        "control": experiment.conv_stem(DIM, kernel=2),
        "shifted": experiment.shifted_projection(DIM),
        "convolutional": experiment.conv_stem(DIM),
    }

    touched = {name: np.abs(np.asarray(stem(inside))).sum(axis=-1)[0] > 1e-7 for name, stem in stems.items()}

    for name, places in touched.items():
        apart = name in ("plain", "control")
        np.testing.assert_array_equal(
            np.argwhere(places), [[1, 1]] if apart else [[0, 0], [0, 1], [1, 0], [1, 1]], name
        )
    assert abs(stems["control"].count_params() / stems["convolutional"].count_params() - 1) < 0.02


def test_maps_of_the_class_token_add_up() -> None:
    keras.utils.set_random_seed(1)
    model = vit(keras.Input((SIZE, SIZE, 3)), patch_projection(8, 16), 3, 2, 32, 4)
    weights = experiment.attentions(model, images())

    maps = experiment.class_maps(weights)

    assert weights.shape == (3, 2, 2, 17, 17)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    assert all(each.shape == (2, 4, 4) for each in maps.values())
    whole = np.eye(17)
    for block in weights[:, 0].mean(axis=1):
        whole = (0.5 * block + 0.5 * np.eye(17)) @ whole
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(maps["rollout"][0].ravel(), whole[0, 1:], rtol=1e-5)


def test_the_pointing_game_counts_hits() -> None:
    maps, masks = np.zeros((2, 8, 8)), np.zeros((2, SIZE, SIZE), bool)
    maps[:, 2, 3] = 1
    masks[0, 8:12, 12:16] = True
    masks[1, :4, :4] = True

    assert experiment.pointing_game(maps, masks) == 0.5


def test_grad_cam_has_a_map_for_each_image() -> None:
    maps = experiment.grad_cam(experiment.small_cnn(6), images(3))

    assert maps.shape == (3, 4, 4)
    assert (maps >= 0).all()


def test_nearness_is_positive_where_neighbours_are_alike() -> None:
    row, column = np.divmod(np.arange(16), 4)
    distance = np.hypot(row[:, None] - row, column[:, None] - column)

    assert experiment.nearness(np.exp(-distance)) > 0.2
    assert experiment.nearness(np.ones((16, 16))) == 0


def test_cifar10_is_read_by_part_and_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(tmp_path / "cifar10.tar", "w") as archive:
        for part, count in (("train", 3), ("test", 1)):
            for kind in range(10):
                for number in range(count):
                    colour = np.full((32, 32, 3), (0, 0, 25 * kind), "uint8")  # BGR: red grows
                    content = cv2.imencode(".png", colour)[1].tobytes()
                    entry = tarfile.TarInfo(f"{part}/class{kind}/{number}.png")
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    experiment.cifar10.cache_clear()

    x, y = experiment.cifar10_sample("train", 20, seed=1)
    raw, _ = experiment.cifar10("test")
    experiment.cifar10.cache_clear()

    assert x.shape == (20, 32, 32, 3)
    assert (np.bincount(y) == 2).all()
    np.testing.assert_array_equal(raw[-1, 0, 0], [225, 0, 0])
    assert x.min() == -2


def test_without_cifar10_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    experiment.cifar10.cache_clear()

    with pytest.raises(FileNotFoundError, match="COURSE_DATA_DIR"):
        experiment.cifar10("train")


def test_a_run_learns_and_reports() -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    x = np.random.default_rng(1).normal(size=(64, 2)).astype("float32")
    y = (x[:, 0] > 0).astype(int)

    result = experiment.measure("line", model, (x, y), (x, y), steps=100, rate=0.1, seed=1)

    assert result.test > 0.9
    assert (result.images, result.parameters) == (64, 6)


def test_the_compact_transformer_is_of_keras_ios_size() -> None:
    model = experiment.cct()

    assert 0.38e6 < model.count_params() < 0.43e6
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("name", ["sizes", "bias"])
def test_no_run_stands_twice_and_none_has_a_seed_of_its_own(name: str) -> None:
    runs = [(r.key, r.images, r.seed) for r in experiment.stored_results(name)]

    assert len(set(runs)) == len(runs)
    assert {seed for _, _, seed in runs} <= set(experiment.SEEDS)


def test_every_number_of_images_has_runs_of_both_networks() -> None:
    sizes = experiment.stored_results("sizes")

    assert all(len(tables.leads(sizes, count)) == 5 for count in experiment.COUNTS)


def test_only_what_is_missing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(name: str, count: int, seed: int, rate: float) -> experiment.Result:
        return experiment.Result(name, seed, count, 0.0, rate, 0, 0.0)

    kept = measured("ViT", 100, 2, 0.5)
    monkeypatch.setattr(experiment, "stored_results", lambda name: [kept])
    monkeypatch.setattr(experiment, "cifar10_result", measured)

    results = list(experiment.missing_results("sizes", [("CNN", 100, 1), ("ViT", 100, 2)]))

    assert results == [kept, measured("CNN", 100, 1, experiment.RATES["CNN"])]


def test_multiply_adds_of_a_block_are_those_of_its_layers() -> None:
    # Tokens 3, dimension 4, MLP 8: query, key, value, output; two Dense layers; scores and mixing.
    assert tables.multiply_adds(3, 4, 8) == (3 * 4 * 4 * 4 + 3 * 4 * 8 * 2, 3 * 3 * 4 * 2)


def test_full_scale_trains_the_compact_transformer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    drawn = (rng.integers(0, 256, (64, 32, 32, 3), dtype=np.uint8), np.arange(64) % 10)
    monkeypatch.setattr(experiment, "cifar10", lambda part: drawn)

    result = next(experiment.full_results(epochs=1))

    assert (result.key, result.images) == ("CCT", 64)
    assert 0 <= result.test <= 1
