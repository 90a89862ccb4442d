"""Pretrains the backbones that ship with the course. Pure Keras 3: runs on any of its backends.

    python data/pretrained/pretrain.py resnet_small_cifar10 --cifar10 DIR
    python data/pretrained/pretrain.py resnet_wide_cifar10  --cifar10 DIR
    python data/pretrained/pretrain.py resnet_small_fractal

DIR holds CIFAR-10 as images, ``train/<class>/*`` and ``test/<class>/*``. The fractals are rendered
here. Each run writes ``<name>.npz`` (float16 weights) and ``<name>.json`` (what was measured).
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from course_utils.backbones import (  # noqa: E402
    BACKBONES,
    build_residual_network,
    preprocess,
    save_backbone,
)

Split = tuple[np.ndarray, np.ndarray]
"""RGB images of shape ``(n, size, size, 3)``, uint8, and their labels ``(n,)``."""

FRACTAL_CLASSES = 100
FRACTAL_IMAGES_PER_CLASS = 400


class AugmentedImages(keras.utils.PyDataset):
    """Batches of images, each shifted by up to 4 pixels and mirrored half of the time."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, batch_size: int, seed: int) -> None:
        super().__init__()
        self.padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
        self.labels = labels
        self.batch_size = batch_size
        self.size = images.shape[1]
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.labels) // self.batch_size

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.labels))

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        tops, lefts = self.rng.integers(0, 9, (2, len(chosen)))
        batch = np.stack(
            [
                self.padded[i, top : top + self.size, left : left + self.size]
                for i, top, left in zip(chosen, tops, lefts, strict=True)
            ]
        )
        mirrored = self.rng.random(len(chosen)) < 0.5
        batch[mirrored] = batch[mirrored, :, ::-1]
        return preprocess(batch), self.labels[chosen]


def read_class_folders(folder: Path) -> Split:
    """Reads ``folder/<class>/*`` as RGB images; the classes are numbered in sorted order."""
    images, labels = [], []
    for label, class_folder in enumerate(sorted(p for p in folder.iterdir() if p.is_dir())):
        for path in sorted(class_folder.iterdir()):
            image = cv2.imread(str(path))
            if image is None:
                raise ValueError(
                    f"{path} は画像として読めません。取り除いてください。 / {path} is no image; remove it."
                )
            images.append(image[..., ::-1])
            labels.append(label)
    return np.stack(images), np.array(labels)


def sample_fractal_class(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws an iterated function system whose attractor fills enough of the picture.

    Returns:
        Affine maps of shape ``(maps, 2, 3)`` and their probabilities ``(maps,)``.

    Source: Kataoka et al., "Pre-training without Natural Images", ACCV 2020.
    """
    while True:
        count = rng.integers(2, 9)
        maps = rng.uniform(-1, 1, (count, 2, 3))
        norms = np.linalg.norm(maps[:, :, :2], ord=2, axis=(1, 2))
        maps[:, :, :2] *= (np.minimum(norms, 0.95) / norms)[:, None, None]
        weights = np.abs(np.linalg.det(maps[:, :, :2])) + 0.01
        probabilities = weights / weights.sum()
        picture = render_fractals(maps[None], probabilities, 32, 3000, rng)[0]
        if (picture > 0).mean() > 0.2:
            return maps, probabilities


def render_fractals(
    maps: np.ndarray, probabilities: np.ndarray, size: int, points: int, rng: np.random.Generator
) -> np.ndarray:
    """Renders one fractal per system by the chaos game.

    Args:
        maps: Affine maps, shape ``(systems, maps, 2, 3)``.
        probabilities: Probability of each map, shape ``(maps,)``.
        size: Width and height of the pictures in pixels.
        points: Points drawn in each picture.
        rng: Random generator.

    Returns:
        Brightness in [0, 1], shape ``(systems, size, size)``, float32.
    """
    systems, walkers = len(maps), 50
    steps = points // walkers
    position = np.zeros((systems, walkers, 2))
    track = np.empty((steps, systems, walkers, 2))
    rows = np.arange(systems)[:, None]
    for step in range(-20, steps):
        choice = rng.choice(len(probabilities), (systems, walkers), p=probabilities)
        chosen = maps[rows, choice]
        position = np.einsum("swij,swj->swi", chosen[..., :2], position) + chosen[..., 2]
        if step >= 0:
            track[step] = position
    points_drawn = track.transpose(1, 0, 2, 3).reshape(systems, -1, 2)
    low, high = points_drawn.min(1, keepdims=True), points_drawn.max(1, keepdims=True)
    pixels = ((points_drawn - low) / np.maximum(high - low, 1e-9) * (size - 1)).astype(int)
    pictures = np.zeros((systems, size, size), "float32")
    np.add.at(pictures, (rows, pixels[..., 0], pixels[..., 1]), 1)
    brightest = np.quantile(pictures, 0.98, axis=(1, 2), keepdims=True).clip(1)
    return np.minimum(pictures / brightest, 1)


def make_fractals(per_class: int, seed: int, size: int = 32) -> Split:
    """Renders labelled fractals in random colours, turned and mirrored at random."""
    rng = np.random.default_rng(seed)
    images, labels = [], []
    for label in range(FRACTAL_CLASSES):
        maps, probabilities = sample_fractal_class(np.random.default_rng([2026, label]))
        jitter = rng.uniform(0.85, 1.15, (per_class, *maps.shape))
        shapes = render_fractals(maps * jitter, probabilities, size, 4000, rng)
        for shape in shapes:
            shape = np.rot90(shape, int(rng.integers(4)))
            ink, paper = rng.uniform(0, 255, (2, 1, 1, 3))
            images.append((shape[..., None] * ink + (1 - shape[..., None]) * paper).astype("uint8"))
            labels.append(label)
    return np.stack(images), np.array(labels)


def pretrain(
    name: str, train: Split, test: Split, epochs: int, seed: int, batch_size: int = 128
) -> dict[str, Any]:
    """Trains a backbone with a linear classifier, saves it and returns what was measured."""
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = train, test
    classes = int(y_train.max()) + 1
    spec = BACKBONES[name]
    backbone = build_residual_network(spec.widths, spec.blocks_per_stage, name=name)
    logits = keras.layers.Dense(classes, dtype="float32")(backbone.output)
    model = keras.Model(backbone.input, logits)
    batches = AugmentedImages(x_train, y_train, batch_size, seed)
    steps = epochs * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, steps - steps // 10, warmup_target=2e-3, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    # Now rather than in the first step, which TensorFlow would then have to trace twice.
    model.optimizer.build(model.trainable_variables)
    started = time.perf_counter()
    history = model.fit(batches, epochs=epochs, verbose=2)
    seconds = time.perf_counter() - started
    save_backbone(backbone, HERE / f"{name}.npz")
    _, accuracy = model.evaluate(preprocess(x_test), y_test, batch_size=500, verbose=0)
    return {
        "name": name,
        "classes": classes,
        "training_images": len(y_train),
        "test_images": len(y_test),
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "parameters": backbone.count_params(),
        "train_accuracy": round(history.history["accuracy"][-1], 4),
        "test_accuracy": round(float(accuracy), 4),
        "seconds": round(seconds),
        "machine": f"{platform.machine()}, {keras.backend.backend()}",
        "dtype_policy": keras.config.dtype_policy().name,
        "keras": keras.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name", choices=BACKBONES)
    parser.add_argument("--cifar10", type=Path, help="folder with train/<class>/* and test/<class>/*")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument(
        "--dtype-policy", default="float32", help="mixed_bfloat16 is faster where the CPU has it"
    )
    options = parser.parse_args()
    keras.config.set_dtype_policy(options.dtype_policy)
    if options.name.endswith("fractal"):
        train = make_fractals(FRACTAL_IMAGES_PER_CLASS, seed=options.seed)
        test = make_fractals(20, seed=options.seed + 1)
    else:
        if options.cifar10 is None or not (options.cifar10 / "train").is_dir():
            parser.error("--cifar10 DIR が要ります (DIR/train, DIR/test) / --cifar10 DIR is needed")
        train = read_class_folders(options.cifar10 / "train")
        test = read_class_folders(options.cifar10 / "test")
    report = pretrain(options.name, train, test, options.epochs, options.seed)
    (HERE / f"{options.name}.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
