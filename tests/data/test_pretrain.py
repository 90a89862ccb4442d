"""The script that pretrains the shipped backbones."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from course_utils.backbones import load_backbone

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "pretrained" / "pretrain.py"


@pytest.fixture(scope="module")
def pretrain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pretrain", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_names_no_tensorflow() -> None:
    assert "tensorflow" not in SCRIPT.read_text("utf-8")


def test_fractals_of_a_class_share_a_form_and_differ_in_detail(pretrain: ModuleType) -> None:
    images, labels = pretrain.make_fractals(per_class=2, seed=1, size=32)

    assert images.shape == (200, 32, 32, 3)
    assert np.bincount(labels).tolist() == [2] * 100
    assert not np.array_equal(images[0], images[1])
    again, _ = pretrain.make_fractals(per_class=2, seed=1, size=32)
    np.testing.assert_array_equal(images, again)


def test_a_system_that_contracts_to_a_point_draws_one_pixel(pretrain: ModuleType) -> None:
    maps = np.zeros((1, 1, 2, 3))

    picture = pretrain.render_fractals(maps, np.ones(1), 16, 200, np.random.default_rng(1))[0]

    assert np.count_nonzero(picture) == 1


def test_class_folders_are_read_as_rgb_in_sorted_order(pretrain: ModuleType, tmp_path: Path) -> None:
    for name, colour in (("truck", (0, 0, 255)), ("bird", (255, 0, 0))):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), np.full((4, 4, 3), colour, "uint8"))

    images, labels = pretrain.read_class_folders(tmp_path)

    assert labels.tolist() == [0, 1]
    assert images[:, 0, 0].tolist() == [[0, 0, 255], [255, 0, 0]]


def test_a_file_that_is_no_image_is_named(pretrain: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird" / "notes.txt").write_text("no image")

    with pytest.raises(ValueError, match=r"notes\.txt is no image; remove it"):
        pretrain.read_class_folders(tmp_path)


def test_pretraining_writes_weights_that_load_and_learns(
    pretrain: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrain, "HERE", tmp_path)
    rng = np.random.default_rng(1)
    labels = np.tile([0, 1], 64)
    images = np.clip(labels[:, None, None, None] * 120 + rng.normal(60, 20, (128, 16, 16, 3)), 0, 255)
    split = (images.astype("uint8"), labels)

    report = pretrain.pretrain("resnet_small_fractal", split, split, epochs=3, seed=1, batch_size=32)

    assert report["train_accuracy"] > 0.8
    assert report["training_images"] == 128
    load_backbone("resnet_small_fractal", tmp_path / "resnet_small_fractal.npz")
