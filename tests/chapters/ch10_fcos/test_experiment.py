"""What chapter 10 teaches and measured, against other ways to the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chapters.ch10_fcos import experiment, tables, taught
from course_utils.detection import Detections, average_precision, box_iou
from course_utils.scenes import THINGS, Difficulty, Scene, load_scenes

Array = npt.NDArray[Any]
SCENES = load_scenes("drawn", 12, size=64, seed=5, difficulty=Difficulty(objects=(2, 5)))


def corners(points: Array, sides: Array) -> Array:
    return np.concatenate([points - sides[..., :2], points + sides[..., 2:]], axis=-1)


def test_points_lie_in_the_middle_of_the_cells() -> None:
    points, strides = taught.grid_points(32, (8, 16))

    assert points[:5].tolist() == [[4, 4], [12, 4], [20, 4], [28, 4], [4, 12]]
    assert points[-1].tolist() == [24, 24]
    assert [(strides == s).sum() for s in (8, 16)] == [16, 4]


def test_owners_are_those_of_a_loop_over_points_and_boxes() -> None:
    points, strides = taught.grid_points(64)
    low, high = np.array(experiment.BASE_RANGES)[np.searchsorted(taught.STRIDES, strides)].T
    for scene in SCENES.scenes:
        owner, distances = taught.owners(scene.boxes, points, low, high)
        for n, (x, y) in enumerate(points):
            fitting = []
            for k, (x1, y1, x2, y2) in enumerate(scene.boxes):
                sides = (x - x1, y - y1, x2 - x, y2 - y)
                if min(sides) > 0 and low[n] <= max(sides) < high[n]:
                    fitting.append(((x2 - x1) * (y2 - y1), k, sides))
            assert owner[n] == (min(fitting)[1] if fitting else -1)
            if fitting:
                np.testing.assert_allclose(distances[n], min(fitting)[2])


@pytest.mark.parametrize("name", ["fcos", "one level", "anchors"])
def test_outputs_that_repeat_the_targets_find_everything(name: str) -> None:
    variant = experiment.VARIANTS[name]
    points, _ = taught.grid_points(64, variant.strides)
    if variant.base is None:
        targets = [taught.fcos_targets(s, variant.strides, variant.ranges) for s in SCENES.scenes]
    else:
        points = np.repeat(points, len(taught.SCALES), axis=0)
        targets = [taught.anchor_targets(s, variant.base) for s in SCENES.scenes]
    outputs = [
        np.concatenate([np.where(t[:, :1] == np.arange(4), 9, -9), t[:, 1:], np.zeros((len(t), 1))], axis=1)
        for t in targets
    ]

    found = experiment.found_in(np.array(outputs), points, "none", most=500)

    assert average_precision(found, SCENES.scenes, 4).ap > 0.9
    assert all(
        box_iou(f.boxes, s.boxes).max(axis=1).min() > 0.999 for f, s in zip(found, SCENES.scenes, strict=True)
    )


def test_overlap_of_distances_is_that_of_boxes() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 60, (80, 2))
    first, second = (rng.uniform(1, 24, (80, 4)) for _ in range(2))

    right = np.diag(box_iou(corners(points, first), corners(points, second)))

    np.testing.assert_allclose(taught.overlap(first, second), right, atol=1e-6)


def test_centre_ness_is_one_in_the_middle_and_nothing_on_a_side() -> None:
    sides = np.array([[5.0, 3, 5, 3], [0, 3, 10, 3], [10, 30, 30, 10]])

    np.testing.assert_allclose(taught.centred(sides), [1, 0, 1 / 3], atol=1e-6)


def test_loss_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(4)
    target = np.column_stack([[0.0, 4, 2, 4, 1], rng.uniform(2, 9, (5, 4))])[None].astype("float32")
    output = np.column_stack([rng.normal(0, 1, (5, 4)), rng.uniform(2, 9, (5, 4)), rng.normal(0, 1, 5)])
    total = 0.0
    for (kind, *sides), row in zip(target[0], output, strict=True):
        for c in range(4):
            p = 1 / (1 + np.exp(-row[c]))
            total -= 0.25 * (1 - p) ** 2 * np.log(p) if c == kind else 0.75 * p**2 * np.log(1 - p)
        if kind == 4:
            continue
        boxes = [corners(np.zeros(2), np.array(s))[None] for s in (sides, row[4:8])]
        left, up, right, down = sides
        centre = np.sqrt(min(left, right) / max(left, right) * min(up, down) / max(up, down))
        q = 1 / (1 + np.exp(-row[8]))
        total -= np.log(box_iou(*boxes)[0, 0]) + centre * np.log(q) + (1 - centre) * np.log(1 - q)

    given = taught.fcos_loss(target, output[None].astype("float32"))

    assert float(given) == pytest.approx(total / 3, rel=1e-4)


def test_anchors_hand_every_object_to_one_at_least() -> None:
    for scene in SCENES.scenes:
        target = taught.anchor_targets(scene, 4.0)
        middle = np.repeat(taught.grid_points(64)[0], 3, axis=0)
        boxes = corners(middle, target[:, 1:])[target[:, 0] < 4]
        assert (box_iou(scene.boxes, boxes).max(axis=1) > 0.999).sum() >= len(scene.boxes) - 1


def test_untrained_anchors_are_where_the_lesson_puts_them() -> None:
    raw = np.zeros((1, 16 * 3, 4), "float32")  # no shift, no scaling: the anchors themselves

    sides = np.array(experiment.anchor_sides(raw, 16, 2.0))[0]

    middle = np.repeat(taught.grid_points(64, (16,))[0], 3, axis=0)
    np.testing.assert_allclose(corners(middle, sides), taught.square_anchors(64, 2.0)[-48:], atol=1e-4)


def test_mirrored_scenes_mirror_their_targets() -> None:
    scene = SCENES.scenes[0]
    usual, mirrored = (taught.fcos_targets(s, (8,), ((0, 99),)) for s in (scene, experiment.mirrored(scene)))
    turned = mirrored.reshape(8, 8, 5)[:, ::-1].reshape(64, 5)

    np.testing.assert_allclose(turned[:, [0, 3, 2, 1, 4]], usual, atol=1e-4)


def test_shares_count_overlaps() -> None:
    def scene(*boxes: tuple[int, int, int, int]) -> Scene:
        empty = np.zeros((16, 16), np.uint8)
        return Scene(
            np.zeros((16, 16, 3), np.uint8),
            np.array(boxes, np.float32),
            np.zeros(len(boxes), np.int64),
            empty,
            empty.astype(np.uint16),
        )

    shares = tables.shares([scene((0, 0, 8, 8), (4, 0, 12, 8))], (4,), ((0, np.inf),))

    assert shares == (6 / 16, 2 / 6, 1)  # two points of six lie in both boxes


def test_false_alarms_are_counted_up_to_a_recall() -> None:
    scene = SCENES.scenes[0]
    wrong = np.array([[60.0, 60, 63, 63]])
    found = Detections(
        np.concatenate([scene.boxes[:1], wrong, scene.boxes[1:]]),
        np.concatenate([scene.labels[:1], [0], scene.labels[1:]]),
        np.linspace(0.9, 0.1, len(scene.boxes) + 1),
    )

    assert tables.false_alarms([found], [scene], 0.01) == 0
    assert tables.false_alarms([found], [scene], 1.0) == 1
    (row,) = tables.alarms_table({"A": [found]}, [scene], recalls=(0.01, 1.0))
    assert (row["得点"], row["誤検出 (再現率 0.01)"], row["誤検出 (再現率 1)"]) == ("A", "0.00", "1.00")
    assert np.isnan(tables.false_alarms([Detections(wrong, np.array([0]), np.ones(1))], [scene], 1.0))


def test_a_training_that_starts_anew_forgets() -> None:
    few = SCENES.scenes[:4]
    model, targets, loss, _ = experiment.built("one level")
    experiment.prepare(model, loss, 4)
    first = model.get_weights()
    results = []
    for _ in range(2):
        experiment.start_anew(model, first)
        experiment.fit(model, few, targets, 2, seed=1)  # the rate of the first step is 0
        results.append(model.get_weights()[0])

    assert np.abs(results[0] - results[1]).mean() < 1e-6  # threads may add up in another order
    assert not np.allclose(results[0], first[0])


def test_the_detector_that_ships_was_measured() -> None:
    (row,) = experiment.stored_detectors()

    assert row.name == "FCOS"
    assert row.parameters == experiment.trained_fcos().count_params()
    assert 0.05 < row.ap < row.ap50 < 1
    assert len(THINGS) == taught.CLASSES


def test_the_comparison_has_all_its_seeds() -> None:
    rows = experiment.stored_comparison()

    for name in experiment.VARIANTS:
        for scenes in experiment.SCENES:
            assert len(tables.values(rows, name, "none", scenes=scenes)) == len(experiment.SEEDS)


def compared(variant: str, seed: int, ap: float, scenes: str = "usual") -> experiment.Compared:
    return experiment.Compared(variant, seed, "none", scenes, ap, ap, ap)


def test_least_gain_pairs_the_seeds_and_counts_points() -> None:
    rows = [compared("fcos", 2, 0.5), compared("fcos", 1, 0.4), compared("fcos", 1, 0.9, "small")]
    rows += [compared("anchors", seed, 0.1 * seed) for seed in (1, 2)]
    rows += [compared("anchors", 1, 0.95, "small")]

    assert tables.least_gain(rows, "fcos", "anchors") == pytest.approx(30)
    assert tables.least_gain(rows, "fcos", "anchors", scenes="small") == pytest.approx(-5)


def test_paper_stands_beside_the_rows_that_it_measured() -> None:
    rows = [compared("fcos", 1, 0.2), compared("one level", 1, 0.3)]

    table = tables.compared_table(rows, {"a": ("fcos", "none"), "b": ("one level", "none")}, paper=(0.335,))

    assert [(row["検出器"], row["AP"], row["論文の AP (COCO)"]) for row in table] == [
        ("a", "0.200", 0.335),
        ("b", "0.300", None),
    ]


def test_table_of_sizes_has_a_column_for_each_kind_of_scenes() -> None:
    rows = [compared("fcos", 1, 0.1 * k, kind) for k, kind in enumerate(experiment.SCENES)]

    (row,) = tables.kinds_table(rows, {"FCOS": "fcos"})

    titles = tables.kind_titles()
    assert row == {
        "検出器": "FCOS",
        titles["usual"]: "0.000",
        titles["small"]: "0.100",
        titles["large"]: "0.200",
    }
    assert "(7〜32 画素)" in titles["usual"]


def test_the_closing_table_tells_who_is_missing() -> None:
    rows, missing = tables.all_detectors()
    named = [row["検出器"] for row in tables.detector_table(tables.summarised(rows))]

    assert {*named, *missing} >= set(tables.ORDER)
    assert not {*named} & {*missing}
    assert "FCOS" in named


def test_smaller_objects_lose_anchors_before_points() -> None:
    scenes = experiment.scenes_of("small").scenes

    assert tables.reached_by_points(scenes, experiment.BASE_RANGES).shape == tables.longest(scenes).shape
    assert tables.reached_by_anchors(scenes, 4).sum() == 0
    table = tables.reach_table({"A": (tables.reached_by_anchors, 4)})
    assert table[0][tables.kind_titles()["small"]] == "0%"
    assert tables.by_size(np.array([True, False, True]), np.array([1, 5, 6]), [0, 4, 9]) == [1, 0.5]
