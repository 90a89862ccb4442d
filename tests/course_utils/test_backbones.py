from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from course_utils.backbones import (
    BACKBONES,
    build_detection_trunk,
    build_residual_network,
    load_backbone,
    load_efficientnet_lite0,
    preprocess,
    preprocess_lite0,
    residual_block,
    save_backbone,
    start_from_trunk,
)
from course_utils.paths import shipped_data
from course_utils.photos import load_photo


@pytest.mark.parametrize("name", BACKBONES)
def test_shipped_weights_load_and_differ_from_random_ones(name: str) -> None:
    model, untrained = load_backbone(name), load_backbone(name, weights=None)
    images = preprocess(np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3)))

    features = model.predict(images, verbose=0)

    assert features.shape == (3, BACKBONES[name].widths[-1])
    assert np.isfinite(features).all()
    assert not np.allclose(features, untrained.predict(images, verbose=0))


def test_shipped_weights_stay_under_eight_megabytes() -> None:
    files = list((shipped_data() / "pretrained").glob("*.npz"))

    assert {file.stem for file in files} == set(BACKBONES)
    assert sum(file.stat().st_size for file in files) < 8e6


def test_the_wide_backbone_is_twice_as_wide() -> None:
    small, wide = BACKBONES["resnet_small_cifar10"], BACKBONES["resnet_wide_cifar10"]

    assert [2 * width for width in small.widths] == list(wide.widths)


def test_the_trunk_of_detectors_gives_three_maps() -> None:
    maps = build_detection_trunk().predict(np.zeros((2, 96, 64, 3)), verbose=0)

    assert [each.shape for each in maps] == [(2, 24, 16, 32), (2, 12, 8, 48), (2, 6, 4, 64)]


def test_detectors_start_from_a_trunk_that_has_learnt() -> None:
    image = keras.Input((96, 96, 3))
    models = [keras.Model(image, build_detection_trunk()(image)[2]) for _ in range(2)]
    before = models[0].get_weights()

    first, second = (start_from_trunk(model).get_weights() for model in models)

    assert not np.allclose(first[0], before[0])
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_saved_weights_come_back_at_half_precision(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    spec = BACKBONES["resnet_small_fractal"]
    model = build_residual_network(spec.widths, spec.blocks_per_stage)
    save_backbone(model, tmp_path / "weights.npz")

    loaded = load_backbone("resnet_small_fractal", tmp_path / "weights.npz")

    for saved, read in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(read, saved, rtol=1e-3, atol=1e-6)


def test_unknown_backbone_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"resnet_wide_cifar10.*Unknown backbone 'resnet_huge'"):
        load_backbone("resnet_huge")


def test_weights_of_another_architecture_are_named(tmp_path: Path) -> None:
    save_backbone(build_residual_network((8, 16)), tmp_path / "other.npz")

    with pytest.raises(ValueError, match=r"other\.npz .*do not fit the architecture"):
        load_backbone("resnet_small_cifar10", tmp_path / "other.npz")


def test_preprocess_is_kerass_own_and_leaves_its_input_alone() -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 4, 4, 3)).astype("uint8")
    before = images.copy()

    right = images[..., ::-1] - np.array([103.939, 116.779, 123.68])

    np.testing.assert_allclose(preprocess(images), right, atol=1e-3)
    np.testing.assert_array_equal(images, before)


def test_block_projects_its_shortcut_only_where_the_shape_changes() -> None:
    inputs = keras.Input((8, 8, 4))
    same = keras.Model(inputs, residual_block(inputs, 4))
    smaller = keras.Model(inputs, residual_block(inputs, 6, stride=2))

    assert same.output.shape == (None, 8, 8, 4)
    assert smaller.output.shape == (None, 4, 4, 6)
    assert [sum(isinstance(layer, keras.layers.Conv2D) for layer in m.layers) for m in (same, smaller)] == [
        2,
        3,
    ]


@pytest.fixture(scope="module")
def lite0() -> keras.Model:
    return load_efficientnet_lite0()


# Class, probability; seen in PyTorch as well (data/imagenet/README.md).
SEEN = {
    "chelsea": {285: 0.366, 282: 0.348, 281: 0.165},
    "coffee": {967: 0.932},
    "camera": {872: 0.967},
    "rocket": {657: 0.265, 744: 0.140},
    "stereo_motorcycle": {665: 0.721},
}


@pytest.mark.parametrize("name", SEEN)
def test_the_imagenet_network_names_what_the_photographs_show(lite0: keras.Model, name: str) -> None:
    photo = preprocess_lite0(load_photo(name)[None])

    chances = keras.ops.convert_to_numpy(keras.ops.softmax(lite0.predict(photo, verbose=0)[0]))

    assert chances.argmax() == next(iter(SEEN[name]))
    for index, chance in SEEN[name].items():
        assert chances[index] == pytest.approx(chance, abs=1e-2)


def test_the_imagenet_network_takes_images_of_any_size(lite0: keras.Model) -> None:
    features = keras.Model(lite0.input, [lite0.get_layer("top_activation").output, lite0.output])

    maps, logits = features.predict(preprocess_lite0(np.zeros((2, 96, 130, 3))), verbose=0)

    assert maps.shape == (2, 3, 5, 1280)
    assert logits.shape == (2, 1000)
    assert lite0.count_params() == 4_694_024


def test_the_imagenet_networks_pixels_lie_about_zero() -> None:
    pixels = np.array([[0, 127, 255]], dtype="uint8")

    np.testing.assert_allclose(preprocess_lite0(pixels), [[-127 / 128, 0, 1]])
    assert pixels.dtype == np.uint8


def test_a_damaged_file_of_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "half.safetensors").write_bytes(b"\x00" * 20)

    with pytest.raises(ValueError, match=r"half\.safetensors is damaged"):
        load_efficientnet_lite0(tmp_path / "half.safetensors")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"logits/bias": np.zeros(10, "float16")}, tmp_path / "other.safetensors")

    with pytest.raises(ValueError, match=r"other\.safetensors do not fit .* EfficientNet-Lite0"):
        load_efficientnet_lite0(tmp_path / "other.safetensors")
