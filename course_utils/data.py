"""Images of five kinds of flowers, drawn or photographed, behind one function."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from course_utils.download import archive_files, fetch
from course_utils.flowers import CLASS_NAMES, draw_flowers
from course_utils.paths import data_dir

Source = Literal["procedural", "folder", "tf_flowers"]

_FOLDER_LABELS = {
    "dandelion": 0,
    "daisy": 1,
    "tulip": 2,
    "tulips": 2,
    "sunflower": 3,
    "sunflowers": 3,
    "rose": 4,
    "roses": 4,
}
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png"}
_DEFAULT_COUNTS = (60, 20, 40)
_DEFAULT_FRACTIONS = (0.70, 0.15, 0.15)


class LabelledImages(NamedTuple):
    """Images with their labels.

    Attributes:
        images: RGB, uint8, shape ``(n, size, size, 3)``.
        labels: Index into the class names, int64, shape ``(n,)``.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ImageSplits:
    """Three sets of images that share no image.

    Attributes:
        train: What the weights are fitted to.
        validation: What decisions are made on: when to stop, which run to keep.
        test: What the last number is measured on, once.
        class_names: Names of the classes in label order.
    """

    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages
    class_names: tuple[str, ...] = CLASS_NAMES


class _File(NamedTuple):
    name: str
    label: int
    content: bytes


def load_flowers(
    source: Source,
    *,
    size: int,
    train: int | float | None = None,
    validation: int | float | None = None,
    test: int | float | None = None,
    seed: int = 2026,
) -> ImageSplits:
    """Loads flower images in three splits with the same share of every class in each.

    Args:
        source: ``"procedural"`` draws them; ``"folder"`` reads photographs from ``COURSE_DATA_DIR``
            (``flowers128.tar.xz``, or ``flowers/`` or ``flower_photos/`` with a folder for each class);
            ``"tf_flowers"`` reads ``flower_photos.tgz`` from there or downloads it (229 MB).
        size: Width and height in pixels.
        train: Images of each class, or a fraction of each class. By default 60 drawn images, or 0.70.
        validation: The same for the validation split. By default 20, or 0.15.
        test: The same for the test split. By default 40, or 0.15.
        seed: Seed of the drawing and of the choice; the same seed gives the same splits.

    Returns:
        The splits; label order is that of ``tf_flowers``. Copies of a photograph are used once.

    Raises:
        DownloadError: If ``flower_photos.tgz`` is missing and cannot be downloaded.
        FileNotFoundError: If ``COURSE_DATA_DIR`` holds no photographs.
        ValueError: If the source is unknown, the amounts make no sense, or there are too few images.
    """
    if source not in ("procedural", "folder", "tf_flowers"):
        raise ValueError(
            f"source={source!r} はありません。procedural、folder、tf_flowers のどれかにしてください。 / "
            f"Unknown source {source!r}; choose procedural, folder or tf_flowers."
        )
    amounts = _amounts((train, validation, test), drawn=source == "procedural")
    if source == "procedural":
        return _draw(amounts, size, seed)
    files = _folder_files() if source == "folder" else _labelled(archive_files(_flower_photos()))
    return _split(list(_without_copies(files)), size, amounts, seed)


def _amounts(given: Sequence[int | float | None], *, drawn: bool) -> list[int] | list[float]:
    """Fills in the defaults and checks that the amounts are all counts or all fractions."""
    counted = drawn or any(isinstance(amount, int) for amount in given)
    defaults = _DEFAULT_COUNTS if counted else _DEFAULT_FRACTIONS
    amounts = [d if amount is None else amount for amount, d in zip(given, defaults, strict=True)]
    if counted and all(isinstance(amount, int) and amount > 0 for amount in amounts):
        return [int(amount) for amount in amounts]
    if not counted and all(amount > 0 for amount in amounts) and sum(amounts) <= 1 + 1e-9:
        return [float(amount) for amount in amounts]
    raise ValueError(
        f"train, validation, test = {amounts} は使えません。クラスごとの枚数(1 以上の整数)でそろえるか、"
        "合計が 1 以下の割合でそろえてください(procedural は枚数だけ)。 / "
        "Give all three as images per class (integers of at least 1), or all as fractions that add up to "
        "at most 1; procedural takes counts only."
    )


def _draw(counts: Sequence[int | float], size: int, seed: int) -> ImageSplits:
    seeds = np.random.SeedSequence(seed).generate_state(3)
    train, validation, test = (
        LabelledImages(*draw_flowers(int(n), size, int(s))) for n, s in zip(counts, seeds, strict=True)
    )
    return ImageSplits(train, validation, test)


def _flower_photos() -> Path:
    return fetch("flower_photos.tgz")


def _folder_files() -> Iterator[_File]:
    """Reads the photographs under ``COURSE_DATA_DIR``, extracted or packed."""
    folder = data_dir()
    if folder is not None:
        for extracted in (folder / "flowers", folder / "flower_photos"):
            if extracted.is_dir():
                paths = sorted(p for p in extracted.rglob("*") if p.is_file())
                return _labelled((p.relative_to(folder).as_posix(), p.read_bytes()) for p in paths)
        if (folder / "flowers128.tar.xz").is_file():
            return _labelled(archive_files(folder / "flowers128.tar.xz"))
    place = "COURSE_DATA_DIR が設定されていません" if folder is None else f"{folder} に写真がありません"
    raise FileNotFoundError(
        f"{place}。flowers128.tar.xz、または種類ごとのフォルダーを入れた flowers/ か flower_photos/ のある"
        'フォルダーを環境変数 COURSE_DATA_DIR に指定してください。なければ source="procedural" が使えます。'
        " / No photographs: set COURSE_DATA_DIR to a folder with flowers128.tar.xz, or with flowers/ or "
        'flower_photos/ that has a folder for each class; source="procedural" needs none.'
    )


def _labelled(files: Iterable[tuple[str, bytes]]) -> Iterator[_File]:
    """Keeps the images that lie in a class folder; drops what systems leave behind, such as ``._x.jpg``."""
    for name, content in files:
        path = PurePosixPath(name)
        label = _FOLDER_LABELS.get(path.parent.name)
        if label is not None and path.suffix.lower() in _IMAGE_SUFFIXES and not path.name.startswith("."):
            yield _File(name, label, content)


def _without_copies(files: Iterable[_File]) -> Iterator[_File]:
    """Drops exact copies, so that no photograph gets on two sides of a split.

    Of copies that lie in different class folders, the first in label order stays.
    """
    seen: set[bytes] = set()
    for file in sorted(files, key=lambda file: (file.label, file.name)):
        digest = hashlib.sha256(file.content).digest()
        if digest not in seen:
            seen.add(digest)
            yield file


def _split(files: list[_File], size: int, amounts: Sequence[int | float], seed: int) -> ImageSplits:
    """Splits class by class, then shuffles each split."""
    rng = np.random.default_rng(seed)
    unreadable: list[str] = []
    parts: list[list[LabelledImages]] = [[], [], []]
    for label, class_name in enumerate(CLASS_NAMES):
        own = [file for file in files if file.label == label]
        shuffled = (own[i] for i in rng.permutation(len(own)))
        wanted = sum(amounts) if isinstance(amounts[0], int) else len(own)
        images = list(islice(_decoded(shuffled, size, unreadable), int(wanted)))
        ends = np.cumsum(_counts(amounts, len(images), class_name))
        for part, begin, end in zip(parts, [0, *ends[:-1]], ends, strict=True):
            part.append(LabelledImages(np.stack(images[begin:end]), np.full(end - begin, label)))
    if unreadable:
        warnings.warn(
            f"読めない画像を {len(unreadable)} 枚除きました: {', '.join(unreadable)} / "
            f"Left out {len(unreadable)} unreadable images, named above.",
            stacklevel=3,
        )
    train, validation, test = (_shuffled(part, rng) for part in parts)
    return ImageSplits(train, validation, test)


def _counts(amounts: Sequence[int | float], available: int, class_name: str) -> list[int]:
    """Turns the amounts into numbers of images of one class."""
    if isinstance(amounts[0], int):
        counts = [int(amount) for amount in amounts]
    else:
        ends = np.rint(np.cumsum(amounts) * available).astype(int)
        counts = np.diff(ends, prepend=0).tolist()
    if min(counts) < 1 or sum(counts) > available:
        raise ValueError(
            f"{class_name} の画像が足りません(使えるのは {available} 枚)。枚数を減らしてください。 / "
            f"Too few images of {class_name} ({available} usable); ask for fewer."
        )
    return counts


def _decoded(files: Iterable[_File], size: int, unreadable: list[str]) -> Iterator[npt.NDArray[np.uint8]]:
    for file in files:
        encoded = np.frombuffer(file.content, dtype=np.uint8)
        bgr = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
        if bgr is None:
            unreadable.append(file.name)
        else:
            small = cv2.resize(bgr, (size, size), interpolation=cv2.INTER_AREA)
            yield cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.uint8)


def _shuffled(classes: Sequence[LabelledImages], rng: np.random.Generator) -> LabelledImages:
    images = np.concatenate([part.images for part in classes])
    labels = np.concatenate([part.labels for part in classes]).astype(np.int64)
    order = rng.permutation(len(labels))
    return LabelledImages(images[order], labels[order])
