"""What a minute is too short for, from the command line; CIFAR-10 comes from COURSE_DATA_DIR.

    python -m chapters.ch07_vision_transformer.experiment rates      # CIFAR-10: which learning rate suits which
    python -m chapters.ch07_vision_transformer.experiment sizes      # CIFAR-10: ViT and CNN, 100 to 10,000 images
    python -m chapters.ch07_vision_transformer.experiment bias       # CIFAR-10: convolutional stem, shifted patches
    python -m chapters.ch07_vision_transformer.experiment pairs      # two far places: same or different
    python -m chapters.ch07_vision_transformer.experiment textures   # where networks look; then drawn flowers
    python -m chapters.ch07_vision_transformer.experiment cost       # seconds against tokens
    python -m chapters.ch07_vision_transformer.experiment full       # CIFAR-10 at keras-io's scale; a GPU is advised

Each command writes what it measured into ``results.json``, which the notebook reads and plots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from chapters.ch07_vision_transformer.pictures import (
    SIZE,
    TEXTURES,
    TILE,
    Pictures,
    draw_pairs,
    draw_textures,
)
from chapters.ch07_vision_transformer.taught import PatchEmbedding, patch_projection, transformer_block, vit
from course_utils.download import archive_files
from course_utils.flowers import draw_flowers
from course_utils.paths import data_dir
from course_utils.results import read_results, run_experiment

RESULTS = Path(__file__).with_name("results.json")
SEEDS = (1, 2, 3, 4, 5)
COUNTS = (100, 300, 1_000, 3_000, 10_000)
BATCH = 32
DIM = 48
RATES = {"ViT": 3e-3, "CNN": 3e-3}
"""Learning rate of each kind of network: the better of those that ``rates`` tries, on another seed."""

Array = npt.NDArray[Any]
Data = tuple[Array, Array]


@dataclass(frozen=True)
class Result:
    """What one run measured.

    Attributes:
        key: Which network, or which way of training.
        seed: Seed of the weights and of the choice of images.
        images: Training images.
        train: Accuracy on them, in the last epoch or over the last steps.
        test: Accuracy on unseen images; of CIFAR-10 the same ones that the learning rate was chosen with.
        parameters: Trainable parameters.
        seconds: Training time.
        near: How much more alike position embeddings of neighbours are than others (cosine); ViT only.
        positions: Cosine similarity of all position embeddings; for one run only.
        pointing: How often each way to look inside points at what tells the class.
    """

    key: str
    seed: int
    images: int
    train: float
    test: float
    parameters: int
    seconds: float
    near: float | None = None
    positions: list[list[float]] = field(default_factory=list)
    pointing: dict[str, float] = field(default_factory=dict)


# Networks on CIFAR-10


def conv_stem(dim: int, kernel: int = 3) -> keras.Model:
    """Two convolutions of stride 2 in place of one patch embedding; Xiao et al. 2021.

    With kernels of 2, the control, no patch sees its neighbours; more channels make up for the weights.
    """
    images = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(144 // kernel**2, kernel, strides=2, padding="same", use_bias=False)(images)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(images, layers.Conv2D(dim, kernel, strides=2, padding="same")(x))


def shifted_projection(dim: int) -> keras.Model:
    """Shifted patch tokenisation; Lee et al. 2021: the picture and four diagonal shifts by half a patch."""
    images = keras.Input((SIZE, SIZE, 3))
    half, whole = TILE // 2, TILE
    padded = layers.ZeroPadding2D(half)(images)
    crops = [
        layers.Cropping2D(((top, whole - top), (left, whole - left)))(padded)
        for top in (0, whole)
        for left in (0, whole)
    ]
    return keras.Model(images, patch_projection(TILE, dim)(layers.Concatenate()([images, *crops])))


def small_vit(classes: int, project: layers.Layer | None = None) -> keras.Model:
    """The chapter's ViT: patches of 4 × 4, 48 numbers a token, 4 blocks of 4 heads."""
    projection = project or patch_projection(TILE, DIM)
    return vit(keras.Input((SIZE, SIZE, 3)), projection, depth=4, heads=4, mlp=2 * DIM, classes=classes)


def small_cnn(classes: int, width: int = 23) -> keras.Model:
    """A CNN of as many parameters as :func:`small_vit`."""
    inputs = x = keras.Input((SIZE, SIZE, 3))
    for filters, stride in ((width, 2), (2 * width, 2), (3 * width, 2), (3 * width, 1)):
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(inputs, layers.Dense(classes, name="head")(x))


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "ViT": lambda: small_vit(10),
    "CNN": lambda: small_cnn(10),
    "ViT + conv stem": lambda: small_vit(10, conv_stem(DIM)),
    "ViT + split patches": lambda: small_vit(10, conv_stem(DIM, kernel=2)),
    "ViT + shifted patches": lambda: small_vit(10, shifted_projection(DIM)),
}


# Data and training


@cache
def cifar10(part: str) -> Data:
    """Reads CIFAR-10 from ``cifar10.tar`` in COURSE_DATA_DIR: RGB uint8, with labels."""
    folder = data_dir()
    if folder is None or not (folder / "cifar10.tar").is_file():
        raise FileNotFoundError(
            "CIFAR-10 がありません。cifar10.tar のあるフォルダーを、環境変数 COURSE_DATA_DIR に"
            "指定してください。 / No CIFAR-10: set COURSE_DATA_DIR to a folder with cifar10.tar."
        )
    files = [(PurePosixPath(name), content) for name, content in archive_files(folder / "cifar10.tar")]
    files = sorted((path, content) for path, content in files if path.parts[0] == part)
    names = sorted({path.parent.name for path, _ in files})
    images = [
        np.asarray(cv2.imdecode(np.frombuffer(content, "uint8"), cv2.IMREAD_COLOR)) for _, content in files
    ]
    labels = np.array([names.index(path.parent.name) for path, _ in files])
    return np.stack([image[..., ::-1] for image in images]), labels


def prepare(images: Array) -> Array:
    """Brings uint8 images to [-2, 2), as the drawn pictures are."""
    return (images / 64 - 2).astype("float32")


def cifar10_sample(part: str, count: int, seed: int) -> Data:
    """Draws a sample of CIFAR-10 with as many images of each class; larger ones hold the smaller ones."""
    images, labels = cifar10(part)
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(labels == k))[: count // 10] for k in range(10)])
    return prepare(images[chosen]), labels[chosen]


def train(model: keras.Model, data: Data, steps: int, rate: float, seed: int = 0) -> float:
    """Trains for a number of steps, whatever the number of images; returns the last accuracy on them.

    The learning rate rises over the first tenth of the steps and falls as a cosine to 0.
    """
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=1e-4), loss, metrics=["acc"])
    rng, needed = np.random.default_rng(seed), steps * BATCH
    order = np.concatenate([rng.permutation(len(data[1])) for _ in range(-(-needed // len(data[1])))])
    last = 0.0
    for part in np.array_split(order[:needed], max(1, needed // 32_000)):
        history = model.fit(data[0][part], data[1][part], batch_size=BATCH, shuffle=False, verbose=0)
        last = history.history["acc"][-1]
    return float(last)


def measure(
    key: str, model: keras.Model, data: Data, test: Data, steps: int, rate: float, seed: int
) -> Result:
    """Trains a network and measures it on the test images."""
    started = time.perf_counter()
    accuracy = train(model, data, steps, rate, seed)
    seconds = time.perf_counter() - started
    right = model.predict(test[0], batch_size=500, verbose=0).argmax(1) == test[1]
    parameters = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return Result(key, seed, len(data[1]), accuracy, float(right.mean()), parameters, round(seconds, 1))


STEPS = 1_000
TEST_IMAGES = 4_000


def cifar10_result(name: str, count: int, seed: int, rate: float) -> Result:
    """Trains one network on a sample of CIFAR-10."""
    keras.utils.set_random_seed(seed)
    model = NETWORKS[name]()
    data = cifar10_sample("train", count, seed)
    test = cifar10_sample("test", TEST_IMAGES, 999)
    result = measure(name, model, data, test, STEPS, rate, seed)
    if name == "ViT":
        similar = position_similarity(model)
        show = seed == 1 and count == max(COUNTS)
        result = replace(result, near=nearness(similar), positions=similar.tolist() if show else [])
    keras.backend.clear_session()
    return result


def position_similarity(model: keras.Model) -> Array:
    """Computes the cosine similarity of the patches' position embeddings, ``(patches, patches)``."""
    (embedding,) = (layer for layer in model.layers if isinstance(layer, PatchEmbedding))
    positions = np.asarray(embedding.position)[0, 1:]
    positions = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    return np.asarray(positions @ positions.T)


def nearness(similar: Array) -> float:
    """Subtracts the mean similarity of all other pairs from that of patches side by side."""
    side = round(len(similar) ** 0.5)
    row, column = np.divmod(np.arange(len(similar)), side)
    steps = abs(row[:, None] - row) + abs(column[:, None] - column)
    return float(similar[steps == 1].mean() - similar[steps > 1].mean())


def rate_results() -> Iterator[Result]:
    """Tries learning rates on a seed that no other result uses."""
    for name in ("ViT", "CNN"):
        for rate in (3e-4, 1e-3, 3e-3):
            result = cifar10_result(name, 3_000, 0, rate)
            yield replace(result, key=f"{name} {rate:g}")


def missing_results(name: str, runs: Iterable[tuple[str, int, int]]) -> Iterator[Result]:
    """Gives what is stored of an experiment on CIFAR-10, and measures the rest of its runs.

    Args:
        name: The experiment.
        runs: Network, number of images and seed of each; remove one from the file to measure it anew.
    """
    stored = {(result.key, result.images, result.seed): result for result in stored_results(name)}
    runs = list(runs)
    yield from (stored[run] for run in runs if run in stored)
    for network, count, seed in runs:
        if (network, count, seed) not in stored:
            rate = RATES["CNN" if network == "CNN" else "ViT"]
            yield cifar10_result(network, count, seed, rate)


def size_results() -> Iterator[Result]:
    """Compares ViT and CNN at several numbers of images, seed by seed."""
    yield from missing_results("sizes", ((n, c, s) for s, c, n in product(SEEDS, COUNTS, ("CNN", "ViT"))))


def bias_results() -> Iterator[Result]:
    """Gives a ViT back some of what a CNN is born with, and as a control what else the stem brings along."""
    networks = ("ViT + split patches", "ViT + conv stem", "ViT + shifted patches")
    yield from missing_results("bias", ((network, 3_000, seed) for network, seed in product(networks, SEEDS)))


# Two far places


def grid_cnn(stride: int) -> keras.Model:
    """A CNN on the grid of patches; its stride decides how far a last feature sees, not how many weights it has.

    With stride 1 a last feature sees 7 patches of a row of 8; with stride 2 it sees the whole picture.
    """
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(32, TILE, strides=TILE, activation="relu")(inputs)
    for _ in range(3):
        x = layers.Conv2D(32, 3, stride, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def pair_vit() -> keras.Model:
    """A ViT of two blocks for pairs of tiles."""
    inputs = keras.Input((SIZE, SIZE, 3))
    return vit(inputs, patch_projection(TILE, 32), depth=2, heads=4, mlp=64, classes=2)


PAIR_NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "ViT": pair_vit,
    "CNN, near": lambda: grid_cnn(1),
    "CNN, far": lambda: grid_cnn(2),
}


def pair_results() -> Iterator[Result]:
    """Asks whether two tiles at opposite edges have the same colour."""
    for seed in SEEDS:
        drawn, unseen = draw_pairs(16_000, seed), draw_pairs(2_000, 1_000 + seed)
        for name, network in PAIR_NETWORKS.items():
            keras.utils.set_random_seed(seed)
            yield measure(name, network(), drawn[:2], unseen[:2], STEPS, RATES["ViT"], seed)
            keras.backend.clear_session()


# Textures: where networks look, and what they carry to flowers


def attentions(model: keras.Model, images: Array) -> Array:
    """Reads the attention of every block, ``(blocks, n, heads, tokens, tokens)``."""
    blocks = [layer for layer in model.layers if isinstance(layer, layers.MultiHeadAttention)]
    probe = keras.Model(model.input, [layer.output[1] for layer in blocks])
    return np.stack(probe.predict(images, batch_size=200, verbose=0))


def class_maps(weights: Array) -> dict[str, Array]:
    """Makes maps of what the class token looks at, ``(n, side, side)``.

    Args:
        weights: Of :func:`attentions`.

    Returns:
        The attention of the first and of the last block, and the flow through all blocks with half of each token staying
        where it is (attention rollout, Abnar & Zuidema 2020), traced back from the class token.
    """
    mean = weights.mean(axis=2)
    flow = np.zeros((mean.shape[1], 1, mean.shape[-1]))
    flow[..., 0] = 1.0
    for block in mean[::-1]:
        flow = (flow + flow @ block) / 2
    side = round((mean.shape[-1] - 1) ** 0.5)
    rows = {"first": mean[0, :, 0, 1:], "last": mean[-1, :, 0, 1:], "rollout": flow[:, 0, 1:]}
    return {name: row.reshape(-1, side, side) for name, row in rows.items()}


def grad_cam(model: keras.Model, images: Array) -> Array:
    """Computes Grad-CAM of the predicted class at the last map of features; Selvaraju et al. 2017."""
    last = [layer for layer in model.layers if isinstance(layer, layers.ReLU)][-1]
    probe = keras.Model(model.input, [last.output, model.output])
    with tf.GradientTape() as tape:
        features, logits = probe(tf.convert_to_tensor(images))
        score = tf.reduce_max(logits, axis=1)
    weights = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2), keepdims=True)
    return np.asarray(tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)))


def pointing_game(maps: Array, masks: Array) -> float:
    """Counts how often the highest point of an enlarged map lies on what tells the class."""
    large = [cv2.resize(one.astype("float32"), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR) for one in maps]
    highest = np.stack(large).reshape(len(maps), -1).argmax(axis=1)
    return float(np.mean(masks.reshape(len(masks), -1)[np.arange(len(masks)), highest]))


TEXTURE_STEPS, FLOWER_STEPS, FLOWER_RATE = 1_200, 300, 1e-3
TEXTURE_NETWORKS: dict[str, Callable[[int], keras.Model]] = {"ViT": small_vit, "CNN": small_cnn}


def point(name: str, model: keras.Model, pictures: Pictures) -> dict[str, float]:
    """Plays the pointing game with each way to look inside of a network."""
    if name == "CNN":
        return {"Grad-CAM": pointing_game(grad_cam(model, pictures.images), pictures.masks)}
    maps = class_maps(attentions(model, pictures.images))
    return {way: pointing_game(each, pictures.masks) for way, each in maps.items()}


def texture_results() -> Iterator[Result]:
    """Trains on textures, looks inside, and carries the features to 100 drawn flowers."""
    for seed in SEEDS:
        drawn, unseen = draw_textures(10_000, seed), draw_textures(1_200, 1_000 + seed)
        flowers, other_flowers = (_flowers(count, seed) for count in (20, 100))
        for name, network in TEXTURE_NETWORKS.items():
            keras.utils.set_random_seed(seed)
            model = network(len(TEXTURES))
            untrained = point(name, model, unseen)
            result = measure(
                f"{name} textures", model, drawn[:2], unseen[:2], TEXTURE_STEPS, RATES[name], seed
            )
            pointing = point(name, model, unseen) | {f"{way} untrained": p for way, p in untrained.items()}
            yield replace(result, pointing=pointing)
            pretrained = model.get_weights()
            for way in ("scratch", "frozen", "tuned"):
                keras.utils.set_random_seed(seed)
                model = network(len(TEXTURES))
                if way != "scratch":
                    model.set_weights(pretrained)
                yield carry_over(f"{name} {way}", model, flowers, other_flowers, seed, way == "frozen")
                keras.backend.clear_session()


def _flowers(count_per_class: int, seed: int) -> Data:
    images, labels = draw_flowers(count_per_class, SIZE, 1_000 * seed + count_per_class)
    return prepare(images), labels


def carry_over(key: str, model: keras.Model, data: Data, test: Data, seed: int, frozen: bool) -> Result:
    """Gives a network a new head of five flowers and trains the head alone, or everything."""
    features = model.get_layer("features").output
    body = keras.Model(model.input, features[:, 0] if len(features.shape) == 3 else features)
    rate = FLOWER_RATE
    if frozen:  # features are computed once, and the head can take larger steps
        data, test = ((body.predict(x, batch_size=200, verbose=0), y) for x, y in (data, test))
        inputs = outputs = keras.Input(body.output.shape[1:])
        rate = 10 * FLOWER_RATE
    else:
        inputs, outputs = body.input, body.output
    return measure(key, keras.Model(inputs, layers.Dense(5)(outputs)), data, test, FLOWER_STEPS, rate, seed)


# Cost


@dataclass(frozen=True)
class Cost:
    """Processor time that one block takes, as a multiple of that for the fewest tokens.

    Attributes:
        tokens: Patches and the class token.
        seconds: Least of several passes of 8 pictures, divided by that of the first row.
    """

    tokens: int
    seconds: float


def cost_results(rounds: int = 100) -> Iterator[Cost]:
    """Times one block of the chapter's ViT at several numbers of tokens, in turns.

    What counts is the time that processors worked, so that other programs disturb it little.
    """
    runs = {}
    for side in (8, 12, 16, 20, 24, 28, 32):
        inputs = keras.Input((1 + side * side, DIM))
        block = tf.function(keras.Model(inputs, transformer_block(inputs, 4, 2 * DIM)))
        tokens = tf.random.normal((8, 1 + side * side, DIM), seed=1)
        block(tokens)
        runs[1 + side * side] = (block, tokens)
    least = dict.fromkeys(runs, np.inf)
    for _ in range(rounds):
        for count, (block, tokens) in runs.items():
            started = time.process_time()
            block(tokens)
            least[count] = min(least[count], time.process_time() - started)
    for count, seconds in least.items():
        yield Cost(count, float(seconds / min(least.values())))


# Full


def cct() -> keras.Model:
    """The compact convolutional transformer of keras-io on CIFAR-10; Hassani et al. 2021."""
    inputs = x = keras.Input((32, 32, 3))
    x = layers.RandomFlip("horizontal")(layers.RandomTranslation(0.125, 0.125, fill_mode="constant")(x))
    for filters in (64, 128):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, activation="relu")(x)
        x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = PatchEmbedding(layers.Identity())(x)[:, 1:]  # positions, but no class token
    for _ in range(2):
        normed = layers.LayerNormalization(epsilon=1e-5)(x)
        x = x + layers.Dropout(0.1, noise_shape=(None, 1, 1))(
            layers.MultiHeadAttention(2, 128, dropout=0.1)(normed, normed)
        )
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        for _ in range(2):
            y = layers.Dropout(0.1)(layers.Dense(128, activation="gelu")(y))
        x = x + layers.Dropout(0.1, noise_shape=(None, 1, 1))(y)
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    weights = layers.Softmax(axis=1)(layers.Dense(1)(x))
    pooled = layers.Flatten()(layers.Dot(axes=1)([weights, x]))  # sequence pooling
    return keras.Model(inputs, layers.Dense(10)(pooled))


def full_results(epochs: int = 30) -> Iterator[Result]:
    """Trains keras-io's CCT on all of CIFAR-10, five seeds."""
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        (images, labels), (unseen, truth) = cifar10("train"), cifar10("test")
        data, test = (prepare(images), labels), (prepare(unseen), truth)
        steps = epochs * len(labels) // BATCH
        yield measure("CCT", cct(), data, test, steps, 1e-3, seed)


def stored_results(name: str) -> list[Result]:
    """Reads what an experiment measured; empty where it was not run."""
    return [Result(**result) for result in read_results(RESULTS, name)]


def stored_cost() -> list[Cost]:
    """Reads what the experiment ``cost`` measured."""
    return [Cost(**result) for result in read_results(RESULTS, "cost")]


EXPERIMENTS: dict[str, Callable[[], Iterator[Any]]] = {
    "rates": rate_results,
    "sizes": size_results,
    "bias": bias_results,
    "pairs": pair_results,
    "textures": texture_results,
    "cost": cost_results,
    "full": full_results,
}
"""What each name on the command line measures."""

if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 7, EXPERIMENTS)
