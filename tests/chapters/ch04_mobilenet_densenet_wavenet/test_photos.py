"""Chapter 4's photographs: a small archive is split without overlap; what is missing is named."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from chapters.ch04_mobilenet_densenet_wavenet import photos

CLASSES = ("cat", "ship")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with tarfile.open(tmp_path / photos.ARCHIVE, "w") as archive:
        for split in ("train", "test"):
            for label, name in enumerate(CLASSES):
                for index in range(6):
                    blue = 100 * label + 10 * index + (5 if split == "test" else 0)
                    image = np.full((32, 32, 3), (blue, 20, 200), "uint8")  # OpenCV: blue first
                    content = cv2.imencode(".png", image)[1].tobytes()
                    entry = tarfile.TarInfo(f"{split}/{name}/{index}.png")
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    return tmp_path


def test_splits_share_no_photograph(folder: Path) -> None:
    splits = photos.load_photos(seed=1, training=4, test=3)
    blues = [set(part.images[:, 0, 0, 2].tolist()) for part in (splits.train, splits.validation, splits.test)]

    assert [len(blue) for blue in blues] == [8, 2, 6]
    assert len(set.union(*blues)) == 16
    assert all(blue % 10 == 5 for blue in blues[2])


def test_photographs_are_rgb_and_labelled_by_their_folder(folder: Path) -> None:
    splits = photos.load_photos(seed=1, training=4, test=3)

    assert splits.class_names == CLASSES
    assert splits.train.images.shape == (8, 32, 32, 3)
    assert (splits.train.images[..., 0] == 200).all()
    np.testing.assert_array_equal(splits.train.images[:, 0, 0, 2] >= 100, splits.train.labels == 1)


def test_another_seed_chooses_others(folder: Path) -> None:
    first, again, other = (photos.load_photos(seed, training=4, test=3).train.images for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_few_photographs_are_named(folder: Path) -> None:
    with pytest.raises(ValueError, match="train/cat"):
        photos.load_photos(seed=1, training=6, test=3)


def test_missing_archive_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))

    with pytest.raises(FileNotFoundError, match="COURSE_DATA_DIR"):
        photos.load_photos(seed=1)
