"""Chapter 23's experiment: training, measuring, the loading at the report's scale, and what is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from chapters.ch23_gradcam_lime_shap import experiment, taught
from chapters.ch23_gradcam_lime_shap.experiment import EXPLAINERS, SEEDS, Recognition, Result
from course_utils.backbones import preprocess
from course_utils.download import DownloadError, registry
from course_utils.results import write_results


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return experiment.train(seed=1, count=240, epochs=3)


def test_network_has_the_layout_of_vgg() -> None:
    network = taught.small_vgg(classes=4)

    assert network.get_layer(experiment.LAST_CONVOLUTION).output.shape == (None, 12, 12, 32)
    assert network.output.shape == (None, 4)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_every_method_is_measured(model: keras.Model, name: str) -> None:
    shapes = experiment.unseen_shapes(1, 2)

    result = experiment.measure(name, model, shapes, seed=1, images=2, accuracy=0.5)

    assert result.method == name
    assert 0 <= result.pointing <= 1
    assert result.chance == pytest.approx(shapes.boxes.mean())
    assert len(result.insertion_curve) == len(result.deletion_curve) == 25
    assert result.insertion_curve[0] == pytest.approx(result.deletion_curve[-1], abs=1e-5)
    assert result.insertion_curve[-1] == pytest.approx(result.deletion_curve[0], abs=1e-5)


def test_grad_cam_is_stable_and_random_maps_are_not(model: keras.Model) -> None:
    shapes = experiment.unseen_shapes(1, 4)
    measured = [
        experiment.measure(name, model, shapes, 1, 4, 0.5).stability for name in ("Grad-CAM", "ランダム")
    ]

    assert measured[0] == pytest.approx(1)
    assert abs(measured[1]) < 0.4


@pytest.mark.parametrize("name", EXPLAINERS)
def test_same_seed_gives_the_same_map(model: keras.Model, name: str) -> None:
    image = experiment.unseen_shapes(1, 1).images[0]

    first, second = (EXPLAINERS[name](model, image, 0, 7) for _ in range(2))

    np.testing.assert_array_equal(first, second)
    assert first.shape == (experiment.SIZE, experiment.SIZE)


def test_randomising_goes_from_the_head_to_the_input_and_spares_the_original(model: keras.Model) -> None:
    before = model.get_weights()
    names = []
    for name, network in taught.randomised_from_the_top(model, seed=3):
        names.append(name)
        first_kernel = network.layers[2].get_weights()[0]
        if len(names) < 8:
            np.testing.assert_array_equal(first_kernel, model.layers[2].get_weights()[0])

    assert names[:2] == ["なし", "logits"]
    assert len(names) == 8
    assert not np.array_equal(first_kernel, model.layers[2].get_weights()[0])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_sanity_check_starts_at_one_and_edges_stay_there(model: keras.Model) -> None:
    found = experiment.sanity(model, experiment.unseen_shapes(1, 8), seed=1)

    assert found.grad_cam[0] == pytest.approx(1)
    assert found.edges == pytest.approx([1] * len(found.layers))
    assert found.grad_cam[-1] < 0.9


def test_full_profile_loads_the_published_vgg16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    built: list[dict[str, object]] = []

    def fetch(name: str) -> Path:
        asked.append(name)
        return tmp_path / name

    monkeypatch.setattr(experiment, "fetch", fetch)
    monkeypatch.setattr(keras.applications, "VGG16", lambda **options: built.append(options))
    _, layer, prepare = experiment.report_network("full")

    assert (layer, prepare) == ("block5_conv3", preprocess)
    assert asked == [experiment.VGG16_WEIGHTS]
    assert registry()[asked[0]].hash == "md5:64373286793e3c8b2b4e3219cbf3544b"
    assert built == [{"weights": str(tmp_path / asked[0]), "classifier_activation": None}]


def test_quick_profile_looks_at_what_ships() -> None:
    network, layer, prepare = experiment.report_network("quick")

    assert network.get_layer(layer).output.shape[-1] == 1280
    np.testing.assert_allclose(prepare(np.array([[[255.0, 127, 0]]])), [[[1, 0, -127 / 128]]])


def test_damaged_vgg16_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / experiment.VGG16_WEIGHTS).write_bytes(b"not the weights")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))

    with pytest.raises(DownloadError, match="md5"):
        experiment.report_network("full")


def test_class_names_are_in_the_order_of_the_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index.json"
    index.write_text(json.dumps({"1": ["n2", "goldfish"], "0": ["n1", "tench"]}))
    monkeypatch.setattr(experiment, "fetch", lambda name: index)

    assert experiment.class_names() == ["tench", "goldfish"]


def test_report_preprocessing_is_bgr_between_0_and_1() -> None:
    image = np.array([[[[255, 0, 51]]]], "uint8")

    np.testing.assert_allclose(experiment.divide_by_255(image), [[[[0.2, 0, 1]]]], rtol=1e-6)


def test_stored_runs_cover_every_method_and_seed() -> None:
    results = experiment.stored_results("quick")

    assert [(r.seed, r.method) for r in results] == [(seed, name) for seed in SEEDS for name in EXPLAINERS]
    assert all(r.accuracy > 0.9 for r in results)


@pytest.mark.parametrize("name", ["Grad-CAM", "LIME", "SHAP"])
def test_stored_methods_beat_a_random_order_in_every_seed(name: str) -> None:
    results = {(r.method, r.seed): r for r in experiment.stored_results("quick")}

    for seed in SEEDS:
        method, random = results[name, seed], results["ランダム", seed]
        assert method.pointing > 3 * method.chance
        assert method.insertion > random.insertion
        assert method.deletion < random.deletion


def test_results_are_stored_beside_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "RESULTS", tmp_path / "results.json")
    one = Result("LIME", 1, 0.9, 0.8, 0.1, 0.7, 0.2, 0.9, 0.05, [0.25, 1.0], [1.0, 0.25])
    other = Recognition("chelsea", "caffe", "Egyptian_cat", 0.5)

    write_results(experiment.RESULTS, "quick", [replace(one, accuracy=0.900004)])
    write_results(experiment.RESULTS, "full", [other])

    assert experiment.stored_results("quick") == [one]
    assert experiment.stored_results("full") == [other]
    assert experiment.stored_results("sanity") == []
