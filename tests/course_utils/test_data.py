import hashlib
import os
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from course_utils import download
from course_utils.data import ImageSplits, load_flowers
from course_utils.download import DownloadError
from course_utils.flowers import CLASS_NAMES

CLASSES = len(CLASS_NAMES)


def write_photograph(path: Path, seed: int) -> None:
    """Writes a 24x16 JPEG of coarse noise with more red than blue."""
    coarse = np.random.default_rng(seed).integers(0, 120, (4, 6, 3)).astype(np.uint8)
    coarse[..., 2] += 120
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(coarse, (24, 16)))


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with ``flowers/``: 20 photographs in each of five class folders, and junk."""
    for label, folder in enumerate(("dandelion", "daisy", "tulip", "sunflower", "rose")):
        for i in range(20):
            write_photograph(tmp_path / "flowers" / folder / f"{i:02d}.jpg", 100 * label + i)
    (tmp_path / "flowers" / ".DS_Store").write_bytes(b"junk")
    (tmp_path / "flowers" / "daisy" / "._00.jpg").write_bytes(b"junk")
    (tmp_path / "flowers" / "daisy" / "Thumbs.db").write_bytes(b"junk")
    (tmp_path / "flowers" / "LICENSE.txt").write_text("terms")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    return tmp_path


def fingerprints(images: np.ndarray) -> set[bytes]:
    return {hashlib.sha256(image.tobytes()).digest() for image in images}


def assert_disjoint(splits: ImageSplits) -> None:
    sets = [fingerprints(split.images) for split in (splits.train, splits.validation, splits.test)]
    sizes = [len(split.labels) for split in (splits.train, splits.validation, splits.test)]
    assert len(set.union(*sets)) == sum(sizes)


def class_counts(splits: ImageSplits) -> list[list[int]]:
    return [
        np.bincount(split.labels, minlength=CLASSES).tolist()
        for split in (splits.train, splits.validation, splits.test)
    ]


def test_procedural_flowers() -> None:
    splits = load_flowers("procedural", size=16, train=4, validation=2, test=3, seed=1)

    assert splits.class_names == ("dandelion", "daisy", "tulips", "sunflowers", "roses")
    assert class_counts(splits) == [[4] * 5, [2] * 5, [3] * 5]
    assert splits.train.images.shape == (20, 16, 16, 3)
    assert splits.train.images.dtype == np.uint8
    assert splits.train.labels.dtype == np.int64
    assert_disjoint(splits)


def test_procedural_flowers_follow_the_seed() -> None:
    first, same, other = (
        load_flowers("procedural", size=16, train=1, validation=1, test=1, seed=s) for s in (1, 1, 2)
    )

    np.testing.assert_array_equal(first.test.images, same.test.images)
    assert not np.array_equal(first.test.images, other.test.images)


def test_folder_by_counts(photographs: Path) -> None:
    splits = load_flowers("folder", size=16, train=5, validation=3, test=2)

    assert class_counts(splits) == [[5] * 5, [3] * 5, [2] * 5]
    assert splits.train.images.shape == (25, 16, 16, 3)
    assert splits.train.images.dtype == np.uint8
    assert splits.train.labels.dtype == np.int64
    assert_disjoint(splits)


def test_folder_by_default_fractions(photographs: Path) -> None:
    splits = load_flowers("folder", size=16)

    assert class_counts(splits) == [[14] * 5, [3] * 5, [3] * 5]
    assert_disjoint(splits)


def test_photographs_are_rgb_and_keep_their_label(photographs: Path) -> None:
    daisies = [cv2.imread(str(path)) for path in (photographs / "flowers" / "daisy").glob("[0-9]*.jpg")]
    assert all(daisy is not None for daisy in daisies)
    small = [cv2.resize(np.asarray(d)[..., ::-1], (16, 16), interpolation=cv2.INTER_AREA) for d in daisies]
    only_daisies = fingerprints(np.stack(small))
    train = load_flowers("folder", size=16, train=10, validation=1, test=1).train

    assert train.images[..., 0].mean() > train.images[..., 2].mean() + 60
    assert fingerprints(train.images[train.labels == CLASS_NAMES.index("daisy")]) <= only_daisies


def test_same_seed_same_split_another_seed_another(photographs: Path) -> None:
    first, same, other = (load_flowers("folder", size=8, seed=seed) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first.train.images, same.train.images)
    np.testing.assert_array_equal(first.train.labels, same.train.labels)
    assert fingerprints(first.test.images) != fingerprints(other.test.images)


def test_copies_are_used_once(photographs: Path) -> None:
    original = (photographs / "flowers" / "daisy" / "00.jpg").read_bytes()
    for name in ("daisy/copy.jpg", "rose/copy.jpg", "rose/another.jpg"):
        (photographs / "flowers" / name).write_bytes(original)

    splits = load_flowers("folder", size=16)

    assert np.sum(class_counts(splits)) == 100
    assert_disjoint(splits)


def test_unreadable_images_are_named_and_replaced(photographs: Path) -> None:
    (photographs / "flowers" / "rose" / "05.jpg").write_bytes(b"not a picture")
    (photographs / "flowers" / "tulip" / "06.jpg").write_bytes(b"")

    with pytest.warns(UserWarning, match=r"2 枚除きました: flowers/tulip/06\.jpg, flowers/rose/05\.jpg"):
        splits = load_flowers("folder", size=16, train=13, validation=3, test=3)
    assert class_counts(splits) == [[13] * 5, [3] * 5, [3] * 5]


def test_too_few_images(photographs: Path) -> None:
    with pytest.raises(ValueError, match=r"dandelion の画像が足りません\(使えるのは 20 枚\).*Too few"):
        load_flowers("folder", size=16, train=19, validation=1, test=1)


def test_folder_without_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"に写真がありません.*flowers128\.tar\.xz.*No photographs"):
        load_flowers("folder", size=16)

    monkeypatch.delenv("COURSE_DATA_DIR")
    with pytest.raises(FileNotFoundError, match="COURSE_DATA_DIR が設定されていません"):
        load_flowers("folder", size=16)


@pytest.mark.parametrize(
    ("source", "amounts"),
    [
        ("procedural", (0.7, 0.15, 0.15)),
        ("procedural", (0, 5, 5)),
        ("folder", (5, 0.2, 0.2)),
        ("folder", (0.8, 0.2, 0.2)),
        ("folder", (0.8, 0.2, -0.1)),
    ],
)
def test_amounts_that_make_no_sense(source: str, amounts: tuple[float, float, float]) -> None:
    train, validation, test = amounts
    with pytest.raises(ValueError, match=r"は使えません.*Give all three as images per class"):
        load_flowers(source, size=16, train=train, validation=validation, test=test)  # type: ignore[arg-type]


def test_unknown_source() -> None:
    with pytest.raises(ValueError, match=r"source='cifar10' はありません.*choose procedural"):
        load_flowers("cifar10", size=16)  # type: ignore[arg-type]


def test_tf_flowers_from_the_archive(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = {"tulip": "tulips", "sunflower": "sunflowers", "rose": "roses"}
    archive = tmp_path / "flower_photos.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted((photographs / "flowers").rglob("*.*")):
            folder = renamed.get(path.parent.name, path.parent.name)
            tar.add(path, arcname=f"flower_photos/{folder}/{path.name}")
    entry = download.registry()["flower_photos.tgz"]
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    registered = download.RemoteFile(entry.name, entry.url, f"sha256:{digest}", None, entry.licence)
    monkeypatch.setattr(download, "registry", lambda: {entry.name: registered})

    splits = load_flowers("tf_flowers", size=16)

    assert class_counts(splits) == [[14] * 5, [3] * 5, [3] * 5]
    folder_splits = load_flowers("folder", size=16)
    assert fingerprints(splits.train.images) == fingerprints(folder_splits.train.images)


def test_tf_flowers_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*address: object, **_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib3.util.connection.create_connection", unreachable)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)

    with pytest.raises(DownloadError, match=r"flower_photos\.tgz をダウンロードできません.*COURSE_DATA_DIR"):
        load_flowers("tf_flowers", size=16)


@pytest.fixture
def real_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    beside_the_checkout = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("COURSE_DATA_DIR") or beside_the_checkout)
    if not (folder / "flowers128.tar.xz").is_file():
        pytest.skip("flowers128.tar.xz is neither in COURSE_DATA_DIR nor in ../shared/data")
    monkeypatch.setenv("COURSE_DATA_DIR", str(folder))


@pytest.mark.usefixtures("real_photographs")
def test_real_photographs(recwarn: pytest.WarningsRecorder) -> None:
    splits = load_flowers("folder", size=32)

    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]
    assert 4300 < np.sum(class_counts(splits)) <= 4317
    for counts in class_counts(splits):
        assert min(counts) > 100
    assert_disjoint(splits)
