"""Chapter 5's experiment: the runs, the loading at the report's scale, and what is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from chapters.ch05_resnet_transfer import experiment, tables
from chapters.ch05_resnet_transfer.experiment import RUNS, SCALES, Result, Run, Scale
from chapters.ch05_resnet_transfer.taught import classifier, fit
from course_utils.backbones import load_backbone, preprocess
from course_utils.data import ImageSplits
from course_utils.download import registry
from course_utils.results import write_results
from tests.course_utils.reusable_saved_model import save_feature_vector

CHANCE = 0.2
TINY = replace(SCALES["quick"], counts=(12, 6, 6))


def run(key: str) -> Run:
    return next(run for run in RUNS if run.key == key)


@pytest.fixture(scope="module")
def splits() -> ImageSplits:
    return TINY.load(seed=1)


def small_backbone(_run: Run) -> keras.Model:
    """A network that is soon trained."""
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, strides=2)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_a_run_reports_what_it_measured(splits: ImageSplits, key: str) -> None:
    result = experiment.execute(run(key), splits, seed=1, scale=replace(TINY, backbone=small_backbone))

    assert result.key == key
    assert 1 <= result.epochs == len(result.history["val_acc"]) <= 20
    assert result.validation == max(result.history["val_acc"])
    assert 0 <= result.test <= 1


def test_a_run_gives_the_same_numbers_again(splits: ImageSplits) -> None:
    small = replace(TINY, backbone=small_backbone)
    first, second, other = (experiment.execute(run("c"), splits, seed, small) for seed in (3, 3, 4))

    assert replace(first, seconds=0) == replace(second, seconds=0)
    assert first.history["loss"] != other.history["loss"]


def test_cached_features_train_the_same_head(splits: ImageSplits) -> None:
    backbone = load_backbone(experiment.SMALL)
    backbone.trainable = False
    images = [preprocess(split.images) for split in (splits.train, splits.validation)]
    labels = [splits.train.labels, splits.validation.labels]
    cached = [experiment.features(backbone, batch) for batch in images]
    head_input = keras.Input(cached[0].shape[1:])

    whole, head = ([*zip(inputs, labels, strict=True)] for inputs in (images, cached))
    uncached = fit(classifier(backbone.input, backbone.output, 1e-3), whole[0], whole[1], epochs=2)
    once = fit(classifier(head_input, head_input, 1e-3), head[0], head[1], epochs=2)

    np.testing.assert_allclose(once["val_loss"], uncached["val_loss"], rtol=1e-2)


def test_full_scale_loads_the_published_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg")
    published.save_weights(tmp_path / "published.weights.h5")
    asked: list[str] = []

    def fetch(name: str) -> Path:
        asked.append(name)
        return tmp_path / "published.weights.h5"

    monkeypatch.setattr(experiment, "fetch", fetch)
    scratch, pretrained = (experiment.full_backbone(run(key)) for key in "ab")

    assert asked == [experiment.IMAGENET_WEIGHTS]
    assert asked[0] in registry()
    assert pretrained.output.shape == scratch.output.shape == (None, 2048)
    first, loaded, random = (model.get_weights()[0] for model in (published, pretrained, scratch))
    np.testing.assert_array_equal(loaded, first)
    assert not np.array_equal(random, first)


@pytest.mark.parametrize("key", ["2", "3"])
def test_full_scale_trains_on_a_hub_module(tmp_path: Path, key: str) -> None:
    handle = save_feature_vector(tmp_path / "module")
    hub_run = replace(run(key), full_backbone=str(handle), learning_rate=0.01)
    small = Scale("procedural", 224, (4, 2, 2), experiment.full_backbone, experiment.divide_by_255)

    result = experiment.execute(hub_run, small.load(seed=1), seed=1, scale=small)

    assert result.epochs >= 1
    assert np.isfinite(result.history["loss"]).all()


@pytest.mark.parametrize("name", ["quick", "photos"])
def test_stored_runs_beat_chance_over_five_seeds(name: str) -> None:
    results = experiment.stored_results(name)

    for wanted in RUNS:
        tests = [result.test for result in tables.by_key(results, wanted.key)]
        assert len(tests) == 5
        assert np.median(tests) > CHANCE + 0.1, f"run {wanted.key} of {name}"


def test_stored_pretraining_beats_none() -> None:
    results = experiment.stored_results("sources")
    frozen = {
        source: [r.test for r in tables.by_key(results, f"{source} frozen")]
        for source in ("scratch", "cifar10")
    }

    assert all(len(values) == 5 for values in frozen.values())
    assert np.median(frozen["cifar10"]) > np.median(frozen["scratch"]) + 0.03


def test_stored_transfer_from_imagenet_beats_cifar10_where_the_norms_stay() -> None:
    results = experiment.stored_results("imagenet") + experiment.stored_results("sources")
    modes = ("imagenet frozen", "imagenet tuned, norms frozen", "imagenet tuned", "cifar10 frozen")
    frozen, still, tuned, small = ([r.test for r in tables.by_key(results, mode)] for mode in modes)

    assert [len(values) for values in (frozen, still, tuned, small)] == [5] * 4
    assert min(*frozen, *still) > max(small)
    assert all(with_norms < without for with_norms, without in zip(tuned, still, strict=True))


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [(True, {keras.layers.Conv2D}), (False, {keras.layers.Conv2D, keras.layers.BatchNormalization})],
)
def test_norms_that_are_frozen_stay_while_the_rest_is_trained(
    splits: ImageSplits, freeze: bool, expected: set[type[keras.Layer]]
) -> None:
    kept: list[tuple[keras.Model, list[list[np.ndarray]]]] = []

    def backbone(wanted: Run) -> keras.Model:
        model = small_backbone(wanted)
        kept.append((model, [layer.get_weights() for layer in model.layers]))
        return model

    wanted = replace(run("c"), freeze_norms=freeze)
    experiment.execute(wanted, splits, 1, replace(TINY, backbone=backbone))

    ((trained, before),) = kept
    moved = {
        type(layer)
        for layer, weights in zip(trained.layers, before, strict=True)
        for weight, old in zip(layer.get_weights(), weights, strict=True)
        if not np.array_equal(weight, old)
    }
    assert moved == expected


def test_the_imagenet_backbone_gives_pooled_features() -> None:
    features = experiment.imagenet_backbone(run("b")).predict(np.zeros((1, 64, 64, 3)), verbose=0)

    assert features.shape == (1, 1280)


def test_results_are_stored_beside_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "RESULTS", tmp_path / "results.json")
    one = Result("a", 1, 1, 0.5, 0.25, 0.3, {"val_acc": [0.25]})

    write_results(experiment.RESULTS, "quick", [one])
    write_results(experiment.RESULTS, "photos", [])

    assert experiment.stored_results("quick") == [one]
    assert set(json.loads((tmp_path / "results.json").read_text())) == {"quick", "photos"}


def test_tables_have_a_row_for_each_run() -> None:
    results = {wanted.key: Result(wanted.key, 1, 3, 1.5, 0.5, 0.4, {}) for wanted in RUNS}

    rows = tables.comparison(results)

    names = [wanted.name for wanted in RUNS]
    assert names[0] == "事前学習なし 1e-4"
    assert [row["実験"] for row in rows] == names
    assert [row["実験"] for row in tables.summary({"描いた花": list(results.values())})] == names
