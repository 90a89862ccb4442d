"""Grad-CAM, LIME and SHAP measured where the evidence is known: once in the notebook, over five seeds from here.

    python -m chapters.ch23_gradcam_lime_shap.experiment quick    # drawn shapes, five seeds
    python -m chapters.ch23_gradcam_lime_shap.experiment sanity   # maps while the weights are randomised
    python -m chapters.ch23_gradcam_lime_shap.experiment full     # ImageNet's VGG16 on photographs: a download

Each command writes what it measured into ``results.json``, which the notebook reads and plots.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from chapters.ch23_gradcam_lime_shap import methods
from chapters.ch23_gradcam_lime_shap.shapes import ShapeImages, draw_shapes
from chapters.ch23_gradcam_lime_shap.taught import (
    gradcam_maps,
    insertion_and_deletion,
    randomised_from_the_top,
    train_on,
)
from course_utils.backbones import load_efficientnet_lite0, preprocess, preprocess_lite0
from course_utils.download import fetch
from course_utils.results import read_results, run_experiment

RESULTS = Path(__file__).with_name("results.json")
SEEDS = (1, 2, 3, 4, 5)
SIZE, TILE = 48, 4
LAST_CONVOLUTION = "block3_conv2"
PIECES, SAMPLES = 25, 300
VGG16_WEIGHTS = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
CLASS_INDEX = "imagenet_class_index.json"

Array = npt.NDArray[Any]


def train(seed: int, count: int = 960, epochs: int = 10) -> keras.Model:
    """Trains the lesson's network on drawn shapes, preprocessed in caffe mode.

    Args:
        seed: Seed of the images and of the weights.
        count: Number of training images.
        epochs: Number of epochs.

    Returns:
        The trained model.
    """
    drawn = draw_shapes(count, seed=1000 + seed)
    return train_on(preprocess(drawn.images), drawn.labels, seed, epochs)


def unseen_shapes(seed: int, count: int = 200) -> ShapeImages:
    """Draws test images that no training saw."""
    return draw_shapes(count, seed=2000 + seed)


def logits(model: keras.Model, images: Array, prepare: Callable[[Array], Array] = preprocess) -> Array:
    """Computes logits of RGB images in [0, 255], shape ``(n, classes)``."""
    return np.asarray(model.predict(prepare(images), batch_size=512, verbose=0))


def accuracy(
    model: keras.Model, shapes: ShapeImages, prepare: Callable[[Array], Array] = preprocess
) -> float:
    """Computes the share of images whose highest logit is that of their class."""
    return float((logits(model, shapes.images, prepare).argmax(axis=1) == shapes.labels).mean())


def probability_of(model: keras.Model, label: int) -> methods.Predict:
    """Gives the function that LIME and SHAP explain: RGB images to the probability of one class."""

    def predict(images: Array) -> Array:
        return np.asarray(keras.ops.softmax(logits(model, images)))[:, label].astype("float64")

    return predict


Explain = Callable[[keras.Model, Array, int, int], Array]
"""Model, RGB image, class and seed to a heat map of the image's size."""


def explain_by_grad_cam(model: keras.Model, image: Array, label: int, seed: int) -> Array:
    """Explains an image by Grad-CAM; nothing in it is random, so the seed has no effect."""
    maps = gradcam_maps(model, LAST_CONVOLUTION, preprocess(image[None]), np.array([label]))
    return np.asarray(methods.enlarge(maps, SIZE)[0])


def explain_by_lime(model: keras.Model, image: Array, label: int, seed: int) -> Array:
    """Explains an image by LIME over superpixels."""
    pieces = methods.superpixels(image, PIECES)
    predict, rng = probability_of(model, label), np.random.default_rng(seed)
    return np.asarray(methods.lime_image(predict, image, pieces, SAMPLES, rng)[0][pieces])


def explain_by_shap(model: keras.Model, image: Array, label: int, seed: int) -> Array:
    """Explains an image by kernel SHAP over superpixels."""
    pieces = methods.superpixels(image, PIECES)
    predict, rng = probability_of(model, label), np.random.default_rng(seed)
    return np.asarray(methods.shap_image(predict, image, pieces, SAMPLES, rng)[pieces])


def explain_at_random(model: keras.Model, image: Array, label: int, seed: int) -> Array:
    """Gives each tile a random importance: the order that any method must beat."""
    tiles = np.random.default_rng(seed).random((SIZE // TILE, SIZE // TILE))
    return np.asarray(tiles.repeat(TILE, axis=0).repeat(TILE, axis=1))


EXPLAINERS: dict[str, Explain] = {
    "Grad-CAM": explain_by_grad_cam,
    "LIME": explain_by_lime,
    "SHAP": explain_by_shap,
    "ランダム": explain_at_random,
}


@dataclass
class Result:
    """What one method measured on the images of one seed.

    Attributes:
        method: A key of :data:`EXPLAINERS`.
        seed: Seed of the network and of the images.
        accuracy: The network's accuracy on unseen images.
        pointing: Share of images whose highest point lies in the shape's bounding box.
        chance: The same for a point thrown at random: the boxes' mean share of the image.
        insertion: Mean area under the insertion curve.
        deletion: Mean area under the deletion curve.
        stability: Mean rank correlation of the maps of two seeds of the method.
        seconds: Median seconds for one map.
        insertion_curve: Mean curve.
        deletion_curve: Mean curve.
    """

    method: str
    seed: int
    accuracy: float
    pointing: float
    chance: float
    insertion: float
    deletion: float
    stability: float
    seconds: float
    insertion_curve: list[float]
    deletion_curve: list[float]


def measure(
    name: str, model: keras.Model, shapes: ShapeImages, seed: int, images: int, accuracy: float
) -> Result:
    """Measures one method on the first images, each explained for its true class.

    Args:
        name: A key of :data:`EXPLAINERS`.
        model: A trained network.
        shapes: Unseen images.
        seed: Seed of the method's own random numbers.
        images: Number of images to explain.
        accuracy: The network's accuracy, which is stored beside.

    Returns:
        What was measured.
    """
    explain = EXPLAINERS[name]
    hits, agreement, seconds, inserted, deleted = [], [], [], [], []
    for index in range(images):
        image, label = shapes.images[index], int(shapes.labels[index])
        started = time.perf_counter()
        heat = explain(model, image, label, seed * 1000 + index)
        seconds.append(time.perf_counter() - started)
        again = explain(model, image, label, seed * 1000 + index + 500)
        agreement.append(methods.rank_correlation(heat, again))
        hits.append(methods.pointing_game(heat, shapes.boxes[index]))
        ranks = methods.tile_order(heat, TILE, np.random.default_rng(index))
        curves = insertion_and_deletion(probability_of(model, label), image, ranks)
        inserted.append(curves[0])
        deleted.append(curves[1])
    insertion, deletion = np.mean(inserted, axis=0), np.mean(deleted, axis=0)
    return Result(
        method=name,
        seed=seed,
        accuracy=accuracy,
        pointing=float(np.mean(hits)),
        chance=float(shapes.boxes[:images].mean()),
        insertion=methods.area(insertion),
        deletion=methods.area(deletion),
        stability=float(np.mean(agreement)),
        seconds=float(np.median(seconds)),
        insertion_curve=insertion.tolist(),
        deletion_curve=deletion.tolist(),
    )


def method_results(images: int = 30) -> Iterator[Result]:
    """Trains a network for each seed and measures every method on it."""
    for seed in SEEDS:
        model, shapes = train(seed), unseen_shapes(seed)
        right = accuracy(model, shapes)
        for name in EXPLAINERS:
            yield measure(name, model, shapes, seed, images, right)
        keras.backend.clear_session()


@dataclass
class Sanity:
    """How far maps stay alike while the weights are randomised from the top, Adebayo et al., NeurIPS 2018.

    Attributes:
        seed: Seed of the network, of the images and of the random weights.
        layers: Layers in the order in which they were randomised; the first entry is ``"なし"``.
        grad_cam: Mean rank correlation of Grad-CAM with that of the trained network.
        edges: The same for a picture of edges, which does not ask the network at all.
    """

    seed: int
    layers: list[str]
    grad_cam: list[float]
    edges: list[float]


def sanity_results(images: int = 40) -> Iterator[Sanity]:
    """Randomises a trained network of each seed and follows its maps."""
    for seed in SEEDS:
        yield sanity(train(seed), unseen_shapes(seed, images), seed)
        keras.backend.clear_session()


def sanity(model: keras.Model, shapes: ShapeImages, seed: int) -> Sanity:
    """Follows the maps of all images while the weights are randomised."""
    inputs = preprocess(shapes.images)
    found = Sanity(seed, [], [], [])
    trained: Array | None = None
    outline = methods.edges(shapes.images)
    for name, network in randomised_from_the_top(model, 100 + seed):
        maps = gradcam_maps(network, LAST_CONVOLUTION, inputs, shapes.labels)
        trained = maps if trained is None else trained
        found.layers.append(name)
        found.grad_cam.append(mean_correlation(trained, maps))
        found.edges.append(mean_correlation(outline, methods.edges(shapes.images)))
    return found


def mean_correlation(first: Array, second: Array) -> float:
    """Averages the rank correlation of maps, pair by pair."""
    pairs = zip(first, second, strict=True)
    return float(np.mean([methods.rank_correlation(one, other) for one, other in pairs]))


# ImageNet's VGG16


Prepare = Callable[[Array], Array]


def report_network(profile: str) -> tuple[keras.Model, str, Prepare]:
    """Loads what stands for the report's network, VGG16 trained on ImageNet, with a linear output.

    Args:
        profile: ``"full"`` for VGG16 itself (Simonyan & Zisserman, ICLR 2015), its weights verified by their
            published md5; ``"quick"`` for the classifier that ships, trained on ImageNet, too.

    Returns:
        The model, from preprocessed images ``(batch, 224, 224, 3)`` to logits ``(batch, 1000)``; the name of
        its last convolutional layer; and its preprocessing.

    Raises:
        DownloadError: If VGG16's weights are missing and cannot be downloaded, or are damaged.
    """
    if profile != "full":
        return load_efficientnet_lite0(), "top_activation", preprocess_lite0
    vgg16 = keras.applications.VGG16(weights=str(fetch(VGG16_WEIGHTS)), classifier_activation=None)
    return vgg16, "block5_conv3", preprocess


def class_names() -> list[str]:
    """Reads the names of ImageNet's 1,000 classes, in the order of the outputs."""
    entries = json.loads(fetch(CLASS_INDEX).read_text("utf-8"))
    return [entries[str(index)][1] for index in range(len(entries))]


@dataclass
class Recognition:
    """What VGG16 sees in a photograph, preprocessed rightly and as in the report.

    Attributes:
        photo: Name of the photograph.
        prepare: ``"caffe"`` or ``"x / 255"``.
        name: Name of the class with the highest probability.
        probability: That probability.
    """

    photo: str
    prepare: str
    name: str
    probability: float


def divide_by_255(images: Array) -> Array:
    """Preprocesses as the report did: an image read by OpenCV, so BGR, divided by 255."""
    return images[..., ::-1].astype("float32") / 255


def full_results() -> Iterator[Recognition]:
    """Asks ImageNet's VGG16 about scikit-image's photographs."""
    from chapters.ch23_gradcam_lime_shap.photos import FILES
    from course_utils.photos import load_photo

    (model, _, right), names = report_network("full"), class_names()
    for photo in FILES:
        image = load_photo(photo)[None]
        for prepare, function in (("caffe", right), ("x / 255", divide_by_255)):
            chances = np.asarray(keras.ops.softmax(logits(model, image, function)))[0]
            best = int(chances.argmax())
            yield Recognition(photo, prepare, names[best], float(chances[best]))


# What is stored


Measured = Result | Sanity | Recognition

EXPERIMENTS: dict[str, Callable[[], Iterator[Measured]]] = {
    "quick": method_results,
    "sanity": sanity_results,
    "full": full_results,
}
"""What each name on the command line measures."""

KINDS_OF_RESULT: dict[str, type[Measured]] = {"quick": Result, "sanity": Sanity, "full": Recognition}


def stored_results(name: str) -> list[Any]:
    """Reads what ``experiment.py`` measured.

    Args:
        name: An experiment, as on the command line.

    Returns:
        Its results; empty where that experiment was not run.
    """
    return [KINDS_OF_RESULT[name](**result) for result in read_results(RESULTS, name)]


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 23, EXPERIMENTS)
