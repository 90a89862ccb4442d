"""A small part of CIFAR-10, read from COURSE_DATA_DIR: ten kinds of things in photographs of 32 pixels."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from course_utils.data import ImageSplits, LabelledImages
from course_utils.download import archive_files
from course_utils.paths import data_dir

ARCHIVE = "cifar10.tar"
TRAINING, TEST = 100, 100


def load_photos(seed: int, training: int = TRAINING, test: int = TEST) -> ImageSplits:
    """Reads photographs of CIFAR-10 (Krizhevsky, 2009), other ones for each seed.

    Args:
        seed: Seed of the choice.
        training: Training photographs of each class, from CIFAR-10's training set.
        test: Test photographs of each class, from its test set.

    Returns:
        The splits, 32 pixels wide and high; one photograph of each class, which is in no other split, is
        the validation split.

    Raises:
        FileNotFoundError: If ``COURSE_DATA_DIR`` does not hold ``cifar10.tar``.
        ValueError: If the archive has too few photographs.
    """
    files = _files(_archive())
    names = tuple(sorted({name for _, name in files}))
    rng = np.random.default_rng(seed)
    parts: list[list[LabelledImages]] = [[], [], []]
    for label, name in enumerate(names):
        for split, counts, targets in (
            ("train", (training, 1), parts[:2]),
            ("test", (test,), parts[2:]),
        ):
            stored = files.get((split, name), [])
            if len(stored) < sum(counts):
                raise ValueError(
                    f"{ARCHIVE} の {split}/{name} には {len(stored)} 枚しかありません。 / "
                    f"{ARCHIVE} has only {len(stored)} photographs in {split}/{name}."
                )
            chosen = [stored[i] for i in rng.permutation(len(stored))[: sum(counts)]]
            images = np.stack([_decoded(content) for content in chosen])
            for part, count, end in zip(targets, counts, np.cumsum(counts), strict=True):
                part.append(LabelledImages(images[end - count : end], np.full(count, label)))
    joined = [_joined(part) for part in parts]
    return ImageSplits(joined[0], joined[1], joined[2], names)


def _joined(parts: list[LabelledImages]) -> LabelledImages:
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return LabelledImages(images, labels)


def _decoded(content: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(image, np.uint8)


@lru_cache(maxsize=1)
def _files(archive: Path) -> dict[tuple[str, str], list[bytes]]:
    """Reads the photographs' bytes by split and class."""
    found: dict[tuple[str, str], list[bytes]] = {}
    for name, content in archive_files(archive):
        parts = PurePosixPath(name).parts
        if len(parts) >= 3 and parts[-3] in ("train", "test"):
            found.setdefault((parts[-3], parts[-2]), []).append(content)
    return found


def _archive() -> Path:
    folder = data_dir()
    if folder is None or not (folder / ARCHIVE).is_file():
        raise FileNotFoundError(
            f"{ARCHIVE} がありません。CIFAR-10 の画像を train/種類/ と test/種類/ に入れた {ARCHIVE} のあるフォルダーを、"
            f"環境変数 COURSE_DATA_DIR に指定してください。 / {ARCHIVE} is missing: set COURSE_DATA_DIR to a folder "
            "that holds it, with CIFAR-10's images in train/<class>/ and test/<class>/."
        )
    return folder / ARCHIVE
