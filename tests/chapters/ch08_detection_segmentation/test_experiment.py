"""Chapter 8's networks, targets, losses and batches, against what is counted by hand or by brute force."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from chapters.ch08_detection_segmentation import experiment, tables, taught
from chapters.ch08_detection_segmentation.proposals import LARGEST, SMALLEST, propose_boxes
from course_utils.backbones import build_detection_trunk, multiply_adds
from course_utils.detection import Detections, box_iou, decode_boxes
from course_utils.scenes import shared_scenes

SCENES = shared_scenes("train", 12).scenes


def test_default_boxes_lie_around_their_cells_with_their_areas() -> None:
    boxes = taught.default_boxes()
    size = boxes[:, 2:] - boxes[:, :2]

    assert len(boxes) == 6 * (24**2 + 12**2 + 6**2)
    np.testing.assert_allclose(np.sqrt(size.prod(axis=1)[:6]), [12, 12, 12, 16, 16, 16])
    np.testing.assert_allclose((boxes[6, :2] + boxes[6, 2:]) / 2, [6, 2])  # second cell of the first row
    np.testing.assert_allclose((boxes[-1, :2] + boxes[-1, 2:]) / 2, [88, 88])


@pytest.mark.parametrize("scene", SCENES[:4])
def test_matching_gives_each_default_box_its_best_object(scene: experiment.Scene) -> None:
    defaults = taught.default_boxes()
    owner = taught.match_default_boxes(scene.boxes, defaults)

    best = {int(box_iou(defaults, box[None])[:, 0].argmax()) for box in scene.boxes}
    assert set(range(len(scene.boxes))) <= set(owner.tolist())
    for k in np.random.default_rng(1).choice(len(defaults), 300, replace=False):
        overlap = [float(box_iou(defaults[k : k + 1], box[None])[0, 0]) for box in scene.boxes]
        if k not in best:
            assert owner[k] == (int(np.argmax(overlap)) if max(overlap) >= 0.5 else -1)


def test_targets_decode_to_the_objects() -> None:
    defaults = taught.default_boxes()
    labels, offsets = experiment.default_targets(SCENES[0].boxes, SCENES[0].labels, defaults)
    positive = labels >= 0

    back = decode_boxes(offsets[positive], defaults[positive])

    assert box_iou(back, SCENES[0].boxes).max(axis=1) == pytest.approx(np.ones(positive.sum()), abs=1e-4)
    owner = box_iou(back, SCENES[0].boxes).argmax(axis=1)
    np.testing.assert_array_equal(labels[positive], SCENES[0].labels[owner])
    assert not offsets[~positive].any()


def test_a_mirrored_image_keeps_things_in_their_boxes() -> None:
    scene = SCENES[1]
    for across, down in ((True, False), (False, True), (True, True)):
        image, boxes = experiment.flip(scene.image, scene.boxes, across, down)
        x1, y1, x2, y2 = boxes[0].astype(int)
        u1, v1, u2, v2 = scene.boxes[0].astype(int)
        part = scene.image[v1:v2, u1:u2][:: -1 if down else 1, :: -1 if across else 1]
        np.testing.assert_array_equal(image[y1:y2, x1:x2], part)


def by_hand(kind: str, logits: np.ndarray, labels: np.ndarray) -> float:
    """The classes' loss of one image, box by box."""
    total, background = 0.0, []
    for scores, label in zip(logits, labels, strict=True):
        parts = []
        for k, score in enumerate(scores):
            p = 1 / (1 + math.exp(-score))
            right = p if k == label else 1 - p
            weight = 1.0
            if kind == "focal":
                weight = (0.25 if k == label else 0.75) * (1 - right) ** 2
            parts.append(-weight * math.log(right))
        if label >= 0 or kind != "mining":
            total += sum(parts)
        else:
            background.append(sum(parts))
    positive = int((labels >= 0).sum())
    return (total + sum(sorted(background, reverse=True)[: 3 * positive])) / max(positive, 1)


@pytest.mark.parametrize("kind", ["plain", "mining", "focal"])
def test_losses_equal_those_by_hand(kind: str) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(40, 4)).astype("float32")
    labels = np.where(rng.random(40) < 0.1, rng.integers(0, 4, 40), -1).astype("int32")
    labels[0] = 2
    offsets = rng.normal(size=(40, 4)).astype("float32")
    outputs = np.concatenate([logits, offsets], axis=1)[None]

    loss = taught.ssd_loss(kind)(tf.constant(outputs), tf.constant(labels[None]), tf.constant(offsets[None]))

    assert float(loss) == pytest.approx(by_hand(kind, logits, labels), rel=1e-4)


def test_the_box_loss_counts_positive_boxes_alone() -> None:
    logits = np.full((1, 3, 4), -60, "float32")
    logits[0, 0, 1] = 60
    labels = np.array([[1, -1, -1]], "int32")
    offsets = np.zeros((1, 3, 4), "float32")
    predicted = np.array([[[0.5, 3, 0, 0], [9, 9, 9, 9], [0, 0, 0, 0]]], "float32")

    loss = taught.ssd_loss("plain")(tf.constant(np.concatenate([logits, predicted], -1)), labels, offsets)

    assert float(loss) == pytest.approx(0.125 + 2.5, rel=1e-5)


def test_roi_pooling_takes_the_largest_of_each_bin() -> None:
    rng = np.random.default_rng(5)
    feature = rng.normal(size=(2, 24, 24, 3)).astype("float32")
    corner = rng.uniform(0, 60, (2, 5, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 36, (2, 5, 2))], axis=-1).astype("float32")

    pooled = np.asarray(taught.RoIPool(4, bins=4)(tf.constant(feature), tf.constant(boxes)))

    assert pooled.shape == (10, 4, 4, 3)
    for k, (image, box) in enumerate((i, box) for i in range(2) for box in boxes[i]):
        x1, y1, x2, y2 = (int(np.rint(edge / np.float32(4))) for edge in box)
        w, h = max(x2 - x1, 1), max(y2 - y1, 1)
        for row in range(4):
            for column in range(4):
                rows = slice(y1 + row * h // 4, y1 + -(-(row + 1) * h // 4))
                columns = slice(x1 + column * w // 4, x1 + -(-(column + 1) * w // 4))
                expected = feature[image, rows, columns].max(axis=(0, 1))
                np.testing.assert_array_equal(pooled[k, row, column], expected)


def test_a_unet_without_skips_has_as_many_weights_and_sees_no_fine_maps() -> None:
    keras.utils.set_random_seed(1)
    plain, skipping = (taught.unet(build_detection_trunk(), skips) for skips in (False, True))
    assert plain.count_params() == skipping.count_params()
    image = np.random.default_rng(1).normal(size=(1, 96, 96, 3)).astype("float32")
    skipping.set_weights(plain.get_weights())
    assert np.abs(plain.predict(image, verbose=0) - skipping.predict(image, verbose=0)).max() > 1e-4


def test_proposals_are_boxes_of_the_image_within_their_sizes() -> None:
    boxes = propose_boxes(SCENES[2].image)
    size = boxes[:, 2:] - boxes[:, :2]

    assert len(np.unique(boxes, axis=0)) == len(boxes) > 20
    assert boxes.min() >= 0
    assert boxes.max() <= 96
    assert size.min() >= SMALLEST
    assert size.max() <= LARGEST


def test_chosen_regions_are_labelled_by_their_overlap() -> None:
    scene, rng = SCENES[3], np.random.default_rng(1)
    boxes, labels, offsets = experiment.choose_regions(propose_boxes(scene.image), scene, 16, rng)
    overlap = box_iou(boxes, scene.boxes)

    assert len(boxes) == 16
    on_object = overlap.max(axis=1) >= 0.5
    assert on_object.any()
    np.testing.assert_array_equal(labels < 4, on_object)
    np.testing.assert_array_equal(labels[on_object], scene.labels[overlap.argmax(axis=1)[on_object]])
    back = decode_boxes(offsets[on_object], boxes[on_object])
    np.testing.assert_allclose(back, scene.boxes[overlap.argmax(axis=1)[on_object]], atol=1e-3)


def test_a_crop_without_context_of_the_whole_image_is_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "CONTEXT", 0.0)
    x = taught.to_input(SCENES[0].image[None])
    crop = np.asarray(experiment.crop_regions(x, np.array([[24.0, 24, 72, 72]]), np.array([0])))

    assert crop.shape == (1, 48, 48, 3)
    middle = (x[0, 24:72, 24:72][8:-8, 8:-8] - crop[0, 8:-8, 8:-8]).mean()
    assert abs(middle) < 0.02


def test_best_detections_keep_one_box_of_a_class_where_boxes_overlap() -> None:
    boxes = np.array([[10.0, 10, 30, 30], [11, 10, 31, 30], [11, 10, 31, 30], [60, 60, 120, 80]])
    scores = np.array([[0.9, 0, 0, 0], [0.8, 0, 0, 0], [0, 0.7, 0, 0], [0, 0, 0.01, 0]])

    found = taught.best_detections(boxes, scores)

    np.testing.assert_array_equal(found.labels, [0, 1])
    np.testing.assert_allclose(found.scores, [0.9, 0.7])


def test_merging_gives_pixels_to_the_surest_box_of_their_class() -> None:
    logits = np.zeros((96, 96, 6))
    logits[:, :, 0] = 1
    logits[40:, :, 1] = 2
    logits[10:20, 10:40, 3] = 5
    boxes = np.array([[10.0, 10, 30, 20], [20, 10, 40, 20], [50, 50, 60, 60]])
    found = Detections(boxes, np.array([1, 1, 1]), np.array([0.9, 0.8, 0.95]))

    merged = taught.merge_answers(found, logits)

    assert set(np.unique(merged)) == {0, 1000, 3002, 3003}
    assert (merged[10:20, 10:30] == 3002).all()
    assert (merged[10:20, 30:40] == 3003).all()


def test_pixels_near_a_border_are_marked_on_both_sides() -> None:
    maps = np.zeros((1, 8, 8), int)
    maps[:, :, 4:] = 1
    np.testing.assert_array_equal(experiment.near_border(maps)[0, 0], [0, 0, 1, 1, 1, 1, 0, 0])


def test_training_lowers_the_loss() -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    x = np.random.default_rng(1).normal(size=(32, 2)).astype("float32")

    def batches():
        while True:
            yield x, x.sum(axis=1, keepdims=True)

    losses = taught.train(model, lambda y, t: tf.reduce_mean((y - t) ** 2), batches(), 60, rate=0.05)

    assert losses[-1] < losses[0] / 10


def test_multiply_adds_of_the_networks_are_those_of_their_layers() -> None:
    trunk = multiply_adds(build_detection_trunk(), (1, 96, 96, 3))
    heads = multiply_adds(taught.ssd(build_detection_trunk()), (1, 96, 96, 3)) - trunk

    cells = {32: 24**2, 48: 12**2, 64: 6**2}
    assert heads == sum(count * 9 * (width * 48 + 48 * 24 * 2) for width, count in cells.items())


def test_what_is_stored_fits_the_lesson() -> None:
    rows = experiment.stored_detectors()
    assert [row.name for row in rows] == ["R-CNN", "Fast R-CNN", "SSD", "RetinaNet"]
    assert all(0 <= row.ap <= row.ap50 <= 1 for row in rows)
    losses = experiment.stored_losses()
    assert {(each.key, each.seed) for each in losses} == {
        (key, seed) for key in tables.LOSSES for seed in experiment.SEEDS
    }
    assert len(tables.segmentation_rows(experiment.stored_segmentation())) == 6


@pytest.mark.parametrize("name", ["SSD", "RetinaNet", "R-CNN", "Fast R-CNN"])
def test_shipped_detectors_find_things(name: str) -> None:
    scenes = shared_scenes("validation", 12).scenes
    found = [experiment.detect(name, scene.image) for scene in scenes]

    best = [box_iou(scene.boxes, each.boxes).max() for scene, each in zip(scenes, found, strict=True)]
    assert np.mean(best) > 0.5


def test_a_block_has_the_class_that_most_of_its_pixels_have() -> None:
    maps = np.stack([scene.semantic for scene in SCENES[:2]])

    blocks = experiment.block_majority(maps, 16)

    for scene, y, x in np.ndindex(2, 6, 6):
        place = (scene, slice(16 * y, 16 * y + 16), slice(16 * x, 16 * x + 16))
        counts = np.bincount(maps[place].ravel(), minlength=taught.ALL_CLASSES)
        (found,) = np.unique(blocks[place])
        assert counts[found] == counts.max()
