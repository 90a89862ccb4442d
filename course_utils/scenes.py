"""Scenes of drawn objects whose class, box and mask are known, or a folder in COCO's format.

A drawn scene shows things (discs, triangles, rectangles, stars), which can be counted, before two kinds of
stuff (sky and ground), which cannot; the distinction is that of Kirillov et al., "Panoptic Segmentation",
CVPR 2019. Things differ in form alone: texture, colour, size and place are drawn alike for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import skimage.draw

from course_utils.paths import data_dir

THINGS: tuple[str, ...] = ("円", "三角形", "四角形", "星")
"""What can be counted, in label order."""

STUFF: tuple[str, ...] = ("空", "地面")
"""What cannot: the first values of a semantic map; the things follow."""

PER_CLASS = 1_000
"""A panoptic map holds ``PER_CLASS * semantic class + number of the object``, as Cityscapes' does."""

Array = npt.NDArray[Any]
Source = Literal["drawn", "coco"]


class Difficulty(NamedTuple):
    """What makes a drawn scene easy or hard.

    Attributes:
        objects: Fewest and most things in a scene. Things that find no room are left out.
        sizes: Smallest and largest longer side of a thing's box, as a share of the image's side; log-uniform.
        overlap: Largest share of a thing that others may hide; 0 keeps all apart.
        turn: Largest angle by which a thing is turned either way, in degrees.
        clutter: Thin strokes behind the things.
        noise: Standard deviation of the noise, in grey levels of 0 to 255.
    """

    objects: tuple[int, int] = (1, 5)
    sizes: tuple[float, float] = (0.14, 0.5)
    overlap: float = 0.3
    turn: float = 20.0
    clutter: int = 8
    noise: float = 6.0


@dataclass(frozen=True)
class Scene:
    """An image and all that is known of it.

    Attributes:
        image: RGB, uint8, shape ``(size, size, 3)``.
        boxes: ``(x1, y1, x2, y2)`` of each thing in pixels, edges and not centres of pixels, around what is
            seen of it; float32, shape ``(n, 4)``.
        labels: Class of each thing, an index into the set's ``things``; int64, shape ``(n,)``.
        semantic: Class of each pixel: first the stuff, then the things; uint8, shape ``(size, size)``.
        instances: Which thing a pixel belongs to: ``k + 1`` for thing ``k``, 0 for stuff; uint16, shape
            ``(size, size)``.
    """

    image: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    semantic: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.uint16]

    @property
    def masks(self) -> npt.NDArray[np.bool_]:
        """What is seen of each thing, shape ``(n, size, size)``."""
        return np.asarray(self.instances == np.arange(1, len(self.labels) + 1)[:, None, None])

    @property
    def panoptic(self) -> npt.NDArray[np.int64]:
        """Class and thing of each pixel in one number, see :data:`PER_CLASS`; shape ``(size, size)``."""
        return self.semantic.astype(np.int64) * PER_CLASS + self.instances


@dataclass(frozen=True)
class SceneSet:
    """Scenes of one size and what their numbers stand for.

    Attributes:
        scenes: The scenes.
        things: Names of the things in label order.
        stuff: Names of the stuff, which come first in a semantic map.
    """

    scenes: Sequence[Scene]
    things: tuple[str, ...] = THINGS
    stuff: tuple[str, ...] = STUFF

    def __len__(self) -> int:
        return len(self.scenes)

    @cached_property
    def images(self) -> npt.NDArray[np.uint8]:
        """All images, shape ``(n, size, size, 3)``."""
        return np.stack([scene.image for scene in self.scenes])

    @cached_property
    def semantic(self) -> npt.NDArray[np.uint8]:
        """All semantic maps, shape ``(n, size, size)``."""
        return np.stack([scene.semantic for scene in self.scenes])


def load_scenes(
    source: Source,
    count: int | None = None,
    *,
    size: int = 96,
    seed: int = 0,
    difficulty: Difficulty | None = None,
) -> SceneSet:
    """Draws scenes, or reads a learner's own photographs.

    Args:
        source: ``"drawn"``, or ``"coco"`` for the folder ``coco`` in COURSE_DATA_DIR: an ``annotations.json``
            in COCO's format ("instances") and the images that it names, beside it or in ``images/``.
        count: How many; needed for drawn scenes, at most so many images of a folder.
        size: Width and height of the result in pixels. Photographs keep their shape, and grey bars fill the
            square.
        seed: Seed of drawn scenes; the same seed gives the same scenes on every machine.
        difficulty: Of drawn scenes; :class:`Difficulty` has the usual one.

    Returns:
        The scenes. A photograph's stuff is "背景", whatever it is; crowds are left out, and so are
        things of which nothing is seen at this size.

    Raises:
        ValueError: If drawn scenes have no count, or annotations cannot be read.
        FileNotFoundError: If folder, annotations or an image are missing.
    """
    if source == "coco":
        return _read_coco(_coco_folder(), count, size)
    if source != "drawn":
        raise ValueError(
            f"source は 'drawn' か 'coco' です ({source!r} でした)。 / "
            f"source is 'drawn' or 'coco', not {source!r}."
        )
    if count is None:
        raise ValueError("描く枚数 count を指定してください。 / Say how many scenes to draw: count.")
    chosen = difficulty or Difficulty()
    return SceneSet([draw_scene(size, np.random.default_rng([seed, i]), chosen) for i in range(count)])


PARTS = {"train": (1_500, 801), "validation": (200, 802), "test": (300, 803)}
"""Scenes and seed of each part of the set that all detectors of chapters 8 to 10 share."""


def shared_scenes(part: Literal["train", "validation", "test"], count: int | None = None) -> SceneSet:
    """Draws the scenes of 96 pixels on which chapters 8 to 10 train and compare their detectors.

    Args:
        part: What weights are fitted to, what decisions are made on, or what the last number is measured on.
        count: Only the first of them; all when None.

    Returns:
        The scenes, the same in every chapter.
    """
    whole, seed = PARTS[part]
    return load_scenes("drawn", whole if count is None else count, seed=seed)


# Drawing

_TURN = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_TRIES = 20
_SKY = ((130, 170, 220), (190, 205, 225), (235, 190, 150), (90, 110, 160))
_GROUND = ((105, 140, 80), (150, 130, 95), (120, 115, 110), (175, 165, 125))


def _star() -> Array:
    angles = np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=1)


_OUTLINES = (
    np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1),
    np.array([[0, -1], [0.9, 0.75], [-0.9, 0.75]]),
    np.array([[-1, -0.7], [1, -0.7], [1, 0.7], [-1, 0.7]]),
    _star(),
)


def draw_scene(size: int, rng: np.random.Generator, difficulty: Difficulty) -> Scene:
    """Draws one scene.

    Args:
        size: Width and height in pixels.
        rng: Source of everything that varies.
        difficulty: How many things, how large, how hidden.

    Returns:
        The scene, with one thing at least.
    """
    stuff = _stuff_map(size, rng)
    canvas = _background(stuff, rng)
    for _ in range(difficulty.clutter):
        _stroke(canvas, rng)
    instances = np.zeros((size, size), np.uint16)
    labels: list[int] = []
    areas: list[int] = []
    wanted = int(rng.integers(difficulty.objects[0], difficulty.objects[1] + 1))
    shortest, longest = np.log(difficulty.sizes)
    lengths = np.exp(rng.uniform(shortest, longest, wanted)) * size
    for length in sorted(lengths, reverse=True):  # large things first, so that small ones lie before them
        label = int(rng.integers(len(THINGS)))
        outline = _turned(label, length, difficulty.turn, rng)
        mask = _place(outline, instances, areas, difficulty.overlap, rng)
        if mask is not None:
            labels.append(label)
            areas.append(int(mask.sum()))
            instances[mask] = len(labels)
            canvas[mask] = _texture(mask, rng)
    semantic = stuff.copy()
    inside = instances > 0
    semantic[inside] = len(STUFF) + np.array(labels)[instances[inside] - 1]
    image = cv2.GaussianBlur(canvas, (0, 0), 0.6)
    image = image + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(difficulty.noise)
    return Scene(
        np.clip(np.rint(image), 0, 255).astype(np.uint8),
        _boxes(instances, len(labels)),
        np.array(labels, np.int64),
        semantic,
        instances,
    )


def _boxes(instances: Array, count: int) -> npt.NDArray[np.float32]:
    """Boxes around what is seen of each thing."""
    boxes = np.empty((count, 4), np.float32)
    for k in range(count):
        rows, columns = np.nonzero(instances == k + 1)
        boxes[k] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return boxes


def _turned(label: int, length: float, turn: float, rng: np.random.Generator) -> Array:
    """Turns and squeezes an outline; its box begins at the origin and its longer side has the length."""
    angle = np.deg2rad(rng.uniform(-turn, turn))
    squeeze = 1.0 if label == 0 else rng.uniform(0.75, 1)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (_OUTLINES[label] * [1, squeeze]) @ rotation.T
    points -= points.min(axis=0)
    return np.asarray(points * length / points.max())


def _place(
    outline: Array, instances: Array, areas: Sequence[int], overlap: float, rng: np.random.Generator
) -> Array | None:
    """Looks for a place where the outline lies in the image and hides no thing too much; None without one."""
    size = len(instances)
    room = size - outline.max(axis=0)
    for _ in range(_TRIES):
        mask = _filled(outline + rng.uniform(0, room), (size, size))
        seen = np.bincount(instances[~mask], minlength=len(areas) + 1)[1:]
        least = np.maximum(1, (1 - overlap) * np.array(areas, float))
        if mask.any() and (seen >= least).all():
            return mask
    return None


def _filled(points: Array, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Fills a polygon: the pixels whose centres lie in it."""
    mask = np.zeros(shape, bool)
    mask[skimage.draw.polygon(points[:, 1] - 0.5, points[:, 0] - 0.5, shape)] = True
    return mask


def _colour(colours: Sequence[tuple[int, int, int]], rng: np.random.Generator) -> Array:
    return np.clip(np.array(colours[int(rng.integers(len(colours)))]) + rng.normal(0, 15, 3), 0, 255)


def _stuff_map(size: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draws sky above a bent horizon, and ground below it."""
    x = np.arange(size) / size
    height = rng.uniform(0.3, 0.7) + rng.uniform(-0.15, 0.15) * x + 0.04 * np.sin(6 * x + rng.uniform(0, 6))
    return (np.arange(size)[:, None] >= size * height).astype(np.uint8)


def _background(stuff: Array, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    size = len(stuff)
    fade = np.linspace(0, 1, size)[:, None, None]
    sky = _colour(_SKY, rng) * (1 - fade) + _colour(_SKY, rng) * fade
    coarse = cv2.resize(rng.random((8, 8)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    ground = _colour(_GROUND, rng) + (coarse[..., None] - 0.5) * 70
    return np.where(stuff[..., None] == 0, sky, ground).astype(np.float32)


def _stroke(canvas: npt.NDArray[np.float32], rng: np.random.Generator) -> None:
    size = len(canvas)
    start = rng.uniform(0, size, 2)
    end = start + rng.normal(0, 0.15 * size, 2)
    first, last = ((int(x), int(y)) for x, y in (start, end))
    cv2.line(canvas, first, last, rng.uniform(20, 235, 3).tolist(), int(rng.integers(1, 3)))


def _texture(mask: Array, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draws the colours of a thing's pixels, shape ``(pixels, 3)``: plain, striped, chequered or dotted."""
    y, x = np.nonzero(mask)
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 9)
    u = (x * np.cos(angle) + y * np.sin(angle)) / period
    v = (y * np.cos(angle) - x * np.sin(angle)) / period
    patterns = (
        np.zeros(len(x), bool),
        u % 1 < 0.5,
        (u % 1 < 0.5) ^ (v % 1 < 0.5),
        (u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < 0.09,
    )
    pattern = patterns[rng.integers(len(patterns))]
    first = rng.permutation([rng.uniform(180, 255), rng.uniform(0, 70), rng.uniform(0, 255)])
    second = np.clip(first + rng.choice([-1, 1]) * rng.uniform(30, 60, 3), 0, 255)
    return np.where(pattern[:, None], second, first).astype(np.float32)


# Reading COCO's format

_BACKGROUND = ("背景",)


def _coco_folder() -> Path:
    folder = data_dir()
    if folder is None or not (folder / "coco" / "annotations.json").is_file():
        raise FileNotFoundError(
            "COCO 形式のデータがありません。annotations.json と画像を入れたフォルダー coco を作り、"
            "その親フォルダーを環境変数 COURSE_DATA_DIR に指定してください。 / "
            "No data in COCO's format: make a folder coco with annotations.json and its images, and set "
            "COURSE_DATA_DIR to the folder that holds it."
        )
    return folder / "coco"


def _read_coco(folder: Path, count: int | None, size: int) -> SceneSet:
    path = folder / "annotations.json"
    try:
        content = json.loads(path.read_text("utf-8"))
        categories = sorted(content["categories"], key=lambda category: category["id"])
        label_of = {category["id"]: label for label, category in enumerate(categories)}
        of_image: dict[Any, list[Any]] = {image["id"]: [] for image in content["images"]}
        for annotation in content["annotations"]:
            if not annotation.get("iscrowd"):  # a crowd is no thing that could be counted
                of_image[annotation["image_id"]].append(annotation)
        images = content["images"][:count]
        scenes = [_coco_scene(folder, image, of_image[image["id"]], label_of, size) for image in images]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"{path} を COCO 形式として読めません ({type(error).__name__}: {error})。 / "
            f"{path} is not in COCO's format ({type(error).__name__}: {error})."
        ) from error
    return SceneSet(scenes, tuple(str(category["name"]) for category in categories), _BACKGROUND)


def _coco_scene(
    folder: Path, image: Mapping[str, Any], annotations: Sequence[Any], label_of: Mapping[Any, int], size: int
) -> Scene:
    pixels = _read_image(folder, str(image["file_name"]))
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - shape[0]) // 2, (size - shape[1]) // 2
    canvas = np.full((size, size, 3), 114, np.uint8)
    canvas[top : top + shape[1], left : left + shape[0]] = cv2.resize(
        pixels, shape, interpolation=cv2.INTER_AREA
    )
    masks = np.zeros((len(annotations), size, size), bool)
    for k, annotation in enumerate(annotations):
        mask = cv2.resize(_coco_mask(annotation, height, width), shape, interpolation=cv2.INTER_AREA) >= 0.5
        masks[k, top : top + shape[1], left : left + shape[0]] = mask
    order = np.argsort([-mask.sum() for mask in masks], kind="stable")  # small things lie before large ones
    instances = np.zeros((size, size), np.uint16)
    labels: list[int] = []
    for k in order:
        instances[masks[k]] = len(labels) + 1
        labels.append(label_of[annotations[k]["category_id"]])
    kept = [k for k in range(len(labels)) if (instances == k + 1).any()]
    numbers = np.zeros(len(labels) + 1, np.uint16)
    numbers[np.array(kept, int) + 1] = np.arange(1, len(kept) + 1)
    instances = numbers[instances]
    classes = np.array([labels[k] for k in kept], np.int64)
    semantic = np.concatenate([[0], len(_BACKGROUND) + classes]).astype(np.uint8)[instances]
    return Scene(canvas, _boxes(instances, len(kept)), classes, semantic, instances)


def _read_image(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts:
        raise ValueError(f"フォルダーの外の画像です: {name!r} / This image lies outside the folder: {name!r}")
    for path in (folder / inside, folder / "images" / inside):
        if path.is_file():
            decoded = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
            if decoded is None:
                raise ValueError(f"画像として読めません: {path} / This is no image: {path}")
            return np.ascontiguousarray(decoded[..., ::-1], np.uint8)
    raise FileNotFoundError(
        f"annotations.json にある画像 {name!r} が {folder} にありません。 / "
        f"The image {name!r} of annotations.json is not in {folder}."
    )


def _coco_mask(annotation: Mapping[str, Any], height: int, width: int) -> npt.NDArray[np.float32]:
    """Fills an annotation's polygons, run lengths or, without either, its box."""
    mask = np.zeros((height, width), bool)
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, Mapping):
        counts = segmentation["counts"]
        if isinstance(counts, str):
            raise ValueError(
                "圧縮された RLE のマスクは読めません。ポリゴンか、圧縮していない RLE にしてください。 / "
                "A compressed RLE mask cannot be read: give polygons or uncompressed RLE."
            )
        runs = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        mask = runs.reshape(width, height).T
    elif segmentation:
        for polygon in segmentation:
            mask |= _filled(np.asarray(polygon, float).reshape(-1, 2), (height, width))
    else:
        x, y, w, h = annotation["bbox"]
        mask[round(y) : round(y + h), round(x) : round(x + w)] = True
    return mask.astype(np.float32)
