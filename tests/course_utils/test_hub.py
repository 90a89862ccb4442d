import subprocess
import sys
import tarfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.download import DownloadError
from course_utils.hub import HubLayer
from tests.course_utils.file_server import FileServer
from tests.course_utils.reusable_saved_model import FEATURES, save_feature_vector

TRAINABLE_WEIGHTS = 3 * 3 * 3 * 6 + 6 + 6 + 6 * FEATURES
MOVING_STATISTICS = 12
HEAD_WEIGHTS = FEATURES * 2 + 2


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_feature_vector(tmp_path_factory.mktemp("hub") / "feature_vector")


@pytest.fixture
def examples() -> tuple[np.ndarray, np.ndarray]:
    """Two classes that differ in the mean of one channel; their statistics are far from 0 and 1."""
    rng = np.random.default_rng(3)
    labels = np.arange(64) % 2
    images = rng.normal(3, 1, (64, 8, 8, 3)).astype("float32")
    images[..., 0] += 2.0 * labels[:, None, None]
    return images, labels


def classifier(saved_model: Path, *, trainable: bool) -> keras.Model:
    keras.utils.set_random_seed(5)
    inputs = keras.Input((8, 8, 3))
    features = HubLayer(saved_model, trainable=trainable, name="backbone")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(features))
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    return model


def test_frozen_layer_moves_no_weight_and_no_statistic_in_fit(
    saved_model: Path, examples: tuple[np.ndarray, np.ndarray]
) -> None:
    model = classifier(saved_model, trainable=False)
    backbone, head = model.get_layer("backbone"), model.get_layer("head")
    weights, head_weights = backbone.get_weights(), head.get_weights()
    features = backbone(examples[0]).numpy()

    model.fit(*examples, epochs=2, verbose=0)

    assert len(weights) == 6
    for before, after in zip(weights, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(features, backbone(examples[0], training=True).numpy())
    assert not np.array_equal(head_weights[0], head.get_weights()[0])


def test_frozen_layer_counts_as_non_trainable(saved_model: Path) -> None:
    model = classifier(saved_model, trainable=False)

    assert model.count_params() == TRAINABLE_WEIGHTS + MOVING_STATISTICS + HEAD_WEIGHTS
    assert model.get_layer("backbone").trainable_weights == []
    assert len(model.trainable_weights) == 2


def test_trainable_layer_is_updated_by_fit(
    saved_model: Path, examples: tuple[np.ndarray, np.ndarray]
) -> None:
    model = classifier(saved_model, trainable=True)
    backbone = model.get_layer("backbone")
    weights = backbone.get_weights()
    features = backbone(examples[0]).numpy()

    history = model.fit(*examples, epochs=6, verbose=0).history

    assert sum(np.size(w) for w in backbone.trainable_weights) == TRAINABLE_WEIGHTS
    for before, after in zip(weights, backbone.get_weights(), strict=True):
        assert not np.array_equal(before, after)
    assert not np.allclose(features, backbone(examples[0]).numpy())
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_regularisation_counts_only_while_trainable(saved_model: Path) -> None:
    images = np.zeros((1, 8, 8, 3), dtype="float32")
    frozen, trainable = HubLayer(saved_model), HubLayer(saved_model, trainable=True)
    frozen(images)
    trainable(images)

    kernel = trainable.get_weights()[[w.shape for w in trainable.weights].index((3, 3, 3, 6))]
    assert frozen.losses == []
    np.testing.assert_allclose(trainable.losses[0], 1e-3 * np.sum(kernel**2), rtol=1e-5)


def test_freezing_after_training_stops_the_updates(
    saved_model: Path, examples: tuple[np.ndarray, np.ndarray]
) -> None:
    model = classifier(saved_model, trainable=True)
    backbone = model.get_layer("backbone")
    model.fit(*examples, verbose=0)
    backbone.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    weights = backbone.get_weights()

    model.fit(*examples, verbose=0)

    for before, after in zip(weights, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_two_layers_of_one_saved_model_share_nothing(saved_model: Path) -> None:
    first, second = HubLayer(saved_model), HubLayer(saved_model)
    first.set_weights([w + 1 for w in first.get_weights()])

    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_trained_weights_survive_saving(
    saved_model: Path, examples: tuple[np.ndarray, np.ndarray], tmp_path: Path, suffix: str
) -> None:
    model = classifier(saved_model, trainable=True)
    model.fit(*examples, verbose=0)
    expected = model.predict(examples[0], verbose=0)
    path = tmp_path / f"trained{suffix}"

    if suffix == ".keras":
        model.save(path)
        restored = keras.models.load_model(path)
    else:
        model.save_weights(path)
        restored = classifier(saved_model, trainable=True)
        assert not np.allclose(expected, restored.predict(examples[0], verbose=0))
        restored.load_weights(path)

    np.testing.assert_allclose(expected, restored.predict(examples[0], verbose=0), rtol=1e-5)
    assert len(restored.trainable_weights) == len(model.trainable_weights)


def test_config_builds_the_same_layer(saved_model: Path) -> None:
    layer = HubLayer(saved_model, trainable=True, name="backbone")
    copy = HubLayer.from_config(layer.get_config())

    assert (copy.name, copy.handle, copy.trainable) == ("backbone", str(saved_model), True)
    assert [w.path for w in copy.weights] == [w.path for w in layer.weights]


def test_saved_model_without_call_is_named(tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "empty"))

    with pytest.raises(ValueError, match=r"empty は再利用できる.*is not a reusable TF2 SavedModel"):
        HubLayer(tmp_path / "empty")


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"nowhere を読み込めませんでした.*could not be loaded"):
        HubLayer(tmp_path / "nowhere")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(cache))
    return cache


def test_handle_may_be_the_address_of_an_archive(
    saved_model: Path, hub_cache: Path, tmp_path: Path, file_server: FileServer
) -> None:
    with tarfile.open(tmp_path / "module.tar.gz", "w:gz") as archive:
        archive.add(saved_model, arcname=".")
    file_server.files["/module.tar.gz"] = (tmp_path / "module.tar.gz").read_bytes()
    images = np.ones((1, 8, 8, 3), dtype="float32")

    layer = HubLayer(file_server.url("/module.tar.gz"))

    np.testing.assert_allclose(layer(images), HubLayer(saved_model)(images), rtol=1e-6)
    assert [path.suffix for path in hub_cache.iterdir() if path.is_dir()] == [""]


def test_unreachable_address_is_one_clear_message(hub_cache: Path, file_server: FileServer) -> None:
    with pytest.raises(DownloadError, match=r"gone\.tar\.gz を読み込めませんでした.*could not be loaded"):
        HubLayer(file_server.url("/gone.tar.gz"))
    assert not any(path.is_dir() for path in hub_cache.iterdir())


def test_broken_download_leaves_no_module(
    saved_model: Path, hub_cache: Path, tmp_path: Path, file_server: FileServer
) -> None:
    with tarfile.open(tmp_path / "module.tar.gz", "w:gz") as archive:
        archive.add(saved_model, arcname=".")
    file_server.files["/module.tar.gz"] = (tmp_path / "module.tar.gz").read_bytes()
    file_server.cut_after = 500

    with pytest.raises(DownloadError, match="could not be loaded"):
        HubLayer(file_server.url("/module.tar.gz"))
    assert not any(path.is_dir() for path in hub_cache.iterdir())


def test_the_legacy_keras_is_not_imported(saved_model: Path) -> None:
    code = (
        "import sys; from course_utils.hub import HubLayer; "
        f"HubLayer({str(saved_model)!r}); "
        "print(sorted(m for m in sys.modules if m == 'tf_keras'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
