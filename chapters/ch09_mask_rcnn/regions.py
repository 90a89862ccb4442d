"""Arithmetic of boxes and regions for whole batches, and scenes as batches.

Where an exercise asks for a step, this is the course's own form of it: for batches, in TensorFlow, and in other units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from course_utils.scenes import THINGS, Scene

Array = npt.NDArray[Any]

CLASSES = len(THINGS)
SIDE, STRIDE = 96, 8
"""Side of an image, and pixels a cell of the feature map, in pixels."""

MOST = 6
"""Most things in a scene of the shared set."""

SCALES, RATIOS = (12, 22, 40), (0.6, 1.0, 1.67)
"""Sides of the square anchors in pixels, and heights of anchors as multiples of their widths."""

GRID = 6
"""Cells along a side of YOLO's grid."""


# Boxes


def anchor_boxes() -> npt.NDArray[np.float32]:
    """Returns the anchors of all cells, row by row, shape ``(cells * 9, 4)``."""
    middles = (np.arange(SIDE // STRIDE) + 0.5) * STRIDE
    y, x, scale, ratio = np.meshgrid(middles, middles, SCALES, RATIOS, indexing="ij")
    width, height = scale / np.sqrt(ratio), scale * np.sqrt(ratio)
    corners = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return np.stack(corners, axis=-1).reshape(-1, 4).astype(np.float32)


ANCHORS = anchor_boxes()
"""All anchors."""


def pairwise_iou(first: Any, second: Any) -> Any:
    """Computes IoU of boxes ``(…, n, 4)`` with ``(…, m, 4)``; shape ``(…, n, m)``, 0 for empty boxes."""
    a, b = first[..., :, None, :], second[..., None, :, :]
    low, high = tf.maximum(a, b)[..., :2], tf.minimum(a, b)[..., 2:]
    inner = tf.reduce_prod(tf.maximum(high - low, 0), -1)
    return inner / tf.maximum(area(a) + area(b) - inner, 1e-6)


def area(boxes: Any) -> Any:
    """Computes areas of corners ``(…, 4)``."""
    return tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], -1)


UNITS = (0.1, 0.1, 0.2, 0.2)
"""What offsets are divided by, as in :func:`course_utils.detection.encode_boxes`."""


def encode(boxes: Any, anchors: Any) -> Any:
    """Says where boxes lie as seen from anchors, for batches; empty boxes give finite numbers."""
    size = tf.maximum(anchors[..., 2:] - anchors[..., :2], 1e-3)
    wanted = tf.maximum(boxes[..., 2:] - boxes[..., :2], 1e-3)
    shift = (boxes[..., :2] + boxes[..., 2:] - anchors[..., :2] - anchors[..., 2:]) / 2 / size
    return tf.concat([shift, tf.math.log(wanted / size)], -1) / tf.constant(UNITS)


def decode(offsets: Any, anchors: Any) -> Any:
    """Turns offsets back into corners, cut off at the image's border."""
    size = anchors[..., 2:] - anchors[..., :2]
    middle = (anchors[..., :2] + anchors[..., 2:]) / 2 + offsets[..., :2] * UNITS[0] * size
    half = size * tf.exp(tf.minimum(offsets[..., 2:] * UNITS[2], 3.0)) / 2
    return tf.clip_by_value(tf.concat([middle - half, middle + half], -1), 0.0, float(SIDE))


# Regions


def hat(places: Any, cells: int) -> Any:
    """Returns the weights of linear interpolation, ``(…, n)`` -> ``(…, n, cells)``; outside, the border's."""
    inside = tf.clip_by_value(places, 0.0, cells - 1.0)
    return tf.maximum(0.0, 1 - tf.abs(inside[..., None] - tf.range(cells, dtype="float32")))


def roi_pool(maps: Any, boxes: Any, size: int = 7, stride: int = STRIDE) -> Any:
    """Pools regions by maximum after rounding their edges to cells; Girshick, ICCV 2015.

    Args:
        maps: Shape ``(batch, height, width, channels)``.
        boxes: Corners in pixels, shape ``(batch, n, 4)``.
        size: Bins along a side.
        stride: Pixels a cell.

    Returns:
        Shape ``(batch, n, size, size, channels)``.
    """
    height, width = maps.shape[1:3]
    x1, y1, x2, y2 = tf.unstack(tf.floor(boxes[..., None] / stride + 0.5), axis=2)
    rows = _bins(y1, y2, height, size)[:, :, :, :, None, None]
    narrow = tf.reduce_max(tf.where(rows, maps[:, None, None], tf.float32.min), axis=3)
    columns = _bins(x1, x2, width, size)[:, :, None, :, :, None]
    return tf.reduce_max(tf.where(columns, narrow[:, :, :, None], tf.float32.min), axis=4)


def _bins(first: Any, last: Any, cells: int, size: int) -> Any:
    """Tells which cells belong to which bin, shape ``(batch, n, size, cells)``; each bin has one at least."""
    length = tf.maximum(last - first + 1, 1)  # both ends belong to it, as in the paper's code
    steps = tf.range(size, dtype="float32")
    low = tf.clip_by_value(first + tf.floor(steps * length / size), 0, cells - 1.0)
    high = tf.clip_by_value(first + tf.math.ceil((steps + 1) * length / size), low + 1, cells + 0.0)
    cell = tf.range(cells, dtype="float32")
    return (cell >= low[..., None]) & (cell < high[..., None])


def mask_targets(masks: Any, boxes: Any, owner: Any, size: int = 14) -> Any:
    """Cuts what regions show of their things' masks.

    Args:
        masks: Bool, shape ``(batch, things, height, width)``.
        boxes: Corners, shape ``(batch, n, 4)``.
        owner: Thing of each region, shape ``(batch, n)``.
        size: Side of the result.

    Returns:
        0 or 1, shape ``(batch, n, size, size)``.
    """
    own = tf.cast(tf.gather(masks, owner, batch_dims=1), tf.float32)
    rows, columns = _places(boxes, size)
    cut = tf.einsum("bnyh,bnhw,bnxw->bnyx", hat(rows, SIDE), own, hat(columns, SIDE))
    return tf.cast(cut >= 0.5, tf.float32)


def _places(boxes: Any, size: int) -> tuple[Any, Any]:
    """Places of the middles of a region's bins, in pixels."""
    middle = (tf.range(size, dtype="float32") + 0.5) / size
    x1, y1, x2, y2 = tf.unstack(boxes[..., None], axis=2)
    return y1 + middle * (y2 - y1) - 0.5, x1 + middle * (x2 - x1) - 0.5


def paste(probabilities: Array, boxes: Array, side: int = SIDE) -> npt.NDArray[np.bool_]:
    """Draws small masks into images: bilinear, from probability 0.5.

    Args:
        probabilities: Shape ``(n, m, m)``.
        boxes: Corners in pixels, shape ``(n, 4)``.
        side: Side of the images.

    Returns:
        Shape ``(n, side, side)``; False outside of the box.
    """
    size = probabilities.shape[-1]
    pixel = np.arange(side) + 0.5
    weights = []
    for low, high in ((1, 3), (0, 2)):
        first, length = boxes[:, low, None], np.maximum(boxes[:, high, None] - boxes[:, low, None], 1e-3)
        place = (pixel - first) / length
        inside = (place >= 0) & (place < 1)
        weights.append(np.asarray(hat(tf.constant(place * size - 0.5, tf.float32), size)) * inside[..., None])
    return np.einsum("nhy,nyx,nwx->nhw", weights[0], probabilities, weights[1], optimize=True) >= 0.5


# Scenes as batches


class Batch(NamedTuple):
    """Scenes padded to one number of things.

    Attributes:
        images: uint8 in [0, 255], or float32 in [-1, 1] once they are flipped; ``(n, 96, 96, 3)``.
        boxes: Corners in pixels, zeros where nothing is; ``(n, most, 4)``.
        labels: Classes; ``(n, most)``.
        valid: 1 where a thing is; ``(n, most)``.
        masks: Bool; ``(n, most, 96, 96)``.
    """

    images: Array
    boxes: Array
    labels: Array
    valid: Array
    masks: Array


def as_batch(scenes: Sequence[Scene], most: int = MOST) -> Batch:
    """Pads scenes to one number of things."""
    images = np.stack([scene.image for scene in scenes])
    count, side = len(scenes), images.shape[1]
    boxes, labels = np.zeros((count, most, 4), np.float32), np.zeros((count, most), np.int32)
    valid, masks = np.zeros((count, most), np.float32), np.zeros((count, most, side, side), bool)
    for i, scene in enumerate(scenes):
        there = slice(len(scene.labels))
        boxes[i, there], labels[i, there] = scene.boxes, scene.labels
        valid[i, there], masks[i, there] = 1, scene.masks
    return Batch(images, boxes, labels, valid, masks)


def scaled(images: Array) -> npt.NDArray[np.float32]:
    """Scales images to [-1, 1], which the trunk expects."""
    return (np.asarray(images, np.float32) / 127.5 - 1).astype(np.float32)


def draw_batch(scenes: Batch, rng: np.random.Generator, size: int = 16) -> Batch:
    """Draws scenes at random, turns half of them left to right and half upside down, and scales the images."""
    chosen = rng.integers(0, len(scenes.images), size)
    images, boxes, labels, valid, masks = (array[chosen] for array in scenes)
    for axis in (0, 1):
        turned = rng.random(size) < 0.5
        images[turned] = np.flip(images[turned], 2 - axis)
        masks[turned] = np.flip(masks[turned], 3 - axis)
        low, high = boxes[turned, :, axis].copy(), boxes[turned, :, axis + 2].copy()
        boxes[turned, :, axis], boxes[turned, :, axis + 2] = SIDE - high, SIDE - low
    return Batch(scaled(images), boxes * valid[..., None], labels, valid, masks)


class Cells(NamedTuple):
    """What YOLO's grid is asked for.

    Attributes:
        centre: Middle of the cell's thing as a share of the image, ``(n, 6, 6, 2)``.
        size: Its width and height as a share of the image, ``(n, 6, 6, 2)``.
        label: Its class, ``(n, 6, 6)``.
        filled: 1 where the cell has a thing, ``(n, 6, 6)``.
    """

    centre: Array
    size: Array
    label: Array
    filled: Array


def grid_cells(batch: Batch, cells: int = GRID) -> Cells:
    """Gives each thing to the cell in which its middle lies; of two, the larger has it."""
    count = len(batch.boxes)
    centre, size = np.zeros((2, count, cells, cells, 2), np.float32)
    label, filled = np.zeros((count, cells, cells), np.int32), np.zeros((count, cells, cells), np.float32)
    low, high = batch.boxes[..., :2], batch.boxes[..., 2:]
    for i, order in enumerate(np.argsort((high - low).prod(axis=-1), axis=1)):
        for k in order[batch.valid[i, order] > 0]:  # the larger later, over the smaller
            middle = (low[i, k] + high[i, k]) / 2
            column, row = np.minimum((middle * cells / SIDE).astype(int), cells - 1)
            centre[i, row, column], size[i, row, column] = middle / SIDE, (high[i, k] - low[i, k]) / SIDE
            label[i, row, column], filled[i, row, column] = batch.labels[i, k], 1
    return Cells(centre, size, label, filled)
