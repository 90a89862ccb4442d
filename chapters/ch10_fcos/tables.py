"""What the tables of chapter 10 count and show."""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chapters.ch10_fcos import taught
from chapters.ch10_fcos.experiment import SCENES, Compared, scenes_of, stored_detectors
from course_utils.detection import Detections, DetectorResult, average_precision, box_iou, match
from course_utils.scenes import Scene
from course_utils.tables import min_median_max

Array = npt.NDArray[Any]

ORDER = ("R-CNN", "Fast R-CNN", "Faster R-CNN", "Mask R-CNN", "YOLO", "SSD", "RetinaNet", "FCOS")
OTHERS = ("ch08_detection_segmentation", "ch09_mask_rcnn")
"""Chapters whose detectors stand in the closing table."""


def values(
    rows: Sequence[Compared],
    variant: str,
    scoring: str = "learnt",
    measure: str = "ap",
    scenes: str = "usual",
) -> list[float]:
    """Returns what each seed measured, in the order of the seeds."""
    chosen = [r for r in rows if (r.variant, r.scoring, r.scenes) == (variant, scoring, scenes)]
    return [getattr(row, measure) for row in sorted(chosen, key=lambda row: row.seed)]


def differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Returns what each seed's first value has over its second; seeds beyond the shorter list are left out."""
    return [a - b for a, b in zip(first, second, strict=False)]


def least_gain(
    rows: Sequence[Compared], first: str, second: str, *, scoring: str = "none", scenes: str = "usual"
) -> float:
    """Returns by how many points of AP a variant is above another at least, seed by seed.

    Args:
        rows: What was measured.
        first: A variant.
        second: Another, by class probability alone.
        scoring: Of the first.
        scenes: Where both were measured.
    """
    pair = values(rows, first, scoring, scenes=scenes), values(rows, second, "none", scenes=scenes)
    return 100 * min(differences(*pair))


def compared_table(
    rows: Sequence[Compared], names: dict[str, tuple[str, str]], paper: Sequence[float] = ()
) -> list[dict[str, Any]]:
    """Formats AP and AP75 of several seeds.

    Args:
        rows: What was measured.
        names: Variant and scoring by the row's name.
        paper: AP of the first rows in the paper.
    """
    return [
        {
            "検出器": name,
            "AP": min_median_max(values(rows, variant, scoring)),
            "AP75": min_median_max(values(rows, variant, scoring, "ap75")),
            "論文の AP (COCO)": paper[row] if row < len(paper) else None,
        }
        for row, (name, (variant, scoring)) in enumerate(names.items())
    ]


def kind_titles() -> dict[str, str]:
    """Names each kind of scenes of the comparison by its smallest and largest thing."""
    titles = {"usual": "訓練用と同じ", "small": "小さい", "large": "大きい"}
    sizes = {kind: longest(scenes_of(kind).scenes) for kind in SCENES}
    return {kind: f"{titles[kind]} ({each.min():.0f}〜{each.max():.0f} 画素)" for kind, each in sizes.items()}


def kinds_table(rows: Sequence[Compared], names: dict[str, str]) -> list[dict[str, str]]:
    """Formats AP by class probability alone on each kind of scenes.

    Args:
        rows: What was measured.
        names: Variant by the row's name.
    """
    return [
        {
            "検出器": name,
            **{
                title: min_median_max(values(rows, variant, "none", scenes=kind))
                for kind, title in kind_titles().items()
            },
        }
        for name, variant in names.items()
    ]


class Shares(NamedTuple):
    """What points see of the objects.

    Attributes:
        positive: Share of the points that look after an object.
        ambiguous: Share of those that lie in two boxes or more of their level.
        reached: Share of the objects that some point looks after: the best possible recall.
    """

    positive: float
    ambiguous: float
    reached: float


def shares(scenes: Sequence[Scene], strides: Sequence[int], ranges: Sequence[tuple[float, float]]) -> Shares:
    """Counts points that look after an object, ambiguous ones, and objects that are reached."""
    positive = ambiguous = points_seen = reached = objects = 0
    for scene in scenes:
        points, of_point = taught.grid_points(len(scene.image), strides)
        low, high = np.array(ranges)[np.searchsorted(strides, of_point)].T
        owner, _ = taught.owners(scene.boxes, points, low, high)
        claims = np.zeros(len(points), int)
        for box in scene.boxes:
            claims += taught.owners(box[None], points, low, high)[0] >= 0
        positive += int((claims > 0).sum())
        ambiguous += int((claims > 1).sum())
        points_seen += len(points)
        reached += len(np.unique(owner[owner >= 0]))
        objects += len(scene.boxes)
    return Shares(positive / points_seen, ambiguous / positive, reached / objects)


def shares_table(counted: Mapping[str, Shares]) -> list[dict[str, str]]:
    """Formats what points see of the objects, by the levels' name."""
    return [
        {
            "段": name,
            "正の点": f"{each.positive:.1%}",
            "正の点のうち、あいまい": f"{each.ambiguous:.1%}",
            "担当のある物体": f"{each.reached:.1%}",
        }
        for name, each in counted.items()
    ]


def longest(scenes: Sequence[Scene]) -> Array:
    """Returns the longer side of each object."""
    return np.concatenate([(scene.boxes[:, 2:] - scene.boxes[:, :2]).max(axis=1) for scene in scenes])


def reached_by_points(scenes: Sequence[Scene], ranges: Sequence[tuple[float, float]]) -> Array:
    """Tells of each object whether some point looks after it."""
    told = []
    for scene in scenes:
        points, of_point = taught.grid_points(len(scene.image))
        low, high = np.array(ranges)[np.searchsorted(taught.STRIDES, of_point)].T
        owner, _ = taught.owners(scene.boxes, points, low, high)
        told.append(np.isin(np.arange(len(scene.boxes)), owner))
    return np.concatenate(told)


def reached_by_anchors(scenes: Sequence[Scene], base: float, least: float = 0.5) -> Array:
    """Tells of each object whether some anchor overlaps it by an IoU of at least 0.5."""
    return np.concatenate(
        [
            box_iou(taught.square_anchors(len(scene.image), base), scene.boxes).max(axis=0) >= least
            for scene in scenes
        ]
    )


def reach_table(settings: Mapping[str, tuple[Callable[..., Array], Any]]) -> list[dict[str, str]]:
    """Formats the share of objects that are looked after, on each kind of scenes of the comparison.

    Args:
        settings: What tells it of each object, and its setting, by the row's name.
    """
    return [
        {
            "検出器": name,
            **{
                title: f"{tell(scenes_of(kind).scenes, setting).mean():.0%}"
                for kind, title in kind_titles().items()
            },
        }
        for name, (tell, setting) in settings.items()
    ]


def by_size(told: Array, sizes: Array, edges: Sequence[float]) -> list[float]:
    """Returns the share of what is told, between each two edges of the size."""
    groups = np.digitize(sizes, edges[1:-1])
    return [float(told[groups == k].mean()) for k in range(len(edges) - 1)]


def false_alarms(found: Sequence[Detections], truth: Sequence[Scene], recall: float) -> float:
    """Counts wrong detections above the highest threshold at which a share of the objects is found.

    Args:
        found: Detections of each scene.
        truth: The scenes.
        recall: Share of the objects, at IoU 0.5.

    Returns:
        How many are wrong in all scenes; NaN where so many objects are never found.
    """
    scores, right = [], []
    for each, scene in zip(found, truth, strict=True):
        for label in np.unique(each.labels):
            chosen = np.flatnonzero(each.labels == label)
            chosen = chosen[np.argsort(-each.scores[chosen], kind="stable")]
            iou = box_iou(each.boxes[chosen], scene.boxes[scene.labels == label])
            scores.append(each.scores[chosen])
            right.append(match(iou, np.array([0.5]))[0] >= 0)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hits = np.cumsum(np.concatenate(right)[order])
    enough = np.flatnonzero(hits >= recall * sum(len(scene.boxes) for scene in truth))
    return float(enough[0] + 1 - hits[enough[0]]) if len(enough) else float("nan")


def alarms_table(
    found: Mapping[str, Sequence[Detections]], truth: Sequence[Scene], recalls: Sequence[float]
) -> list[dict[str, Any]]:
    """Formats AP, AP50, and how many wrong detections of a scene come before each recall.

    Args:
        found: Detections of each scene, by the row's name.
        truth: The scenes.
        recalls: Shares of the objects, at IoU 0.5.
    """
    scores = {name: average_precision(each, truth, taught.CLASSES) for name, each in found.items()}
    return [
        {
            "得点": name,
            "AP": scores[name].ap,
            "AP50": scores[name].ap50,
            **{
                f"誤検出 (再現率 {recall:g})": f"{false_alarms(each, truth, recall) / len(truth):.2f}"
                for recall in recalls
            },
        }
        for name, each in found.items()
    ]


def all_detectors() -> tuple[list[DetectorResult], list[str]]:
    """Reads the detectors of chapters 8 to 10.

    Returns:
        The rows in order of :data:`ORDER`, and the names for which no result is stored.
    """
    rows = list(stored_detectors())
    for chapter in OTHERS:
        try:
            rows += importlib.import_module(f"chapters.{chapter}.experiment").stored_detectors()
        except (ImportError, AttributeError):
            continue
    order = [*ORDER, *dict.fromkeys(row.name for row in rows if row.name not in ORDER)]
    missing = [name for name in ORDER if name not in {row.name for row in rows}]
    return sorted(rows, key=lambda row: (order.index(row.name), row.seed)), missing


def summarised(rows: Sequence[DetectorResult]) -> list[DetectorResult]:
    """Takes the median over the seeds of each detector."""
    result = []
    for name in dict.fromkeys(row.name for row in rows):
        same = [row for row in rows if row.name == name]
        fields = {
            key: statistics.median(getattr(row, key) for row in same)
            for key in ("ap", "ap50", "small", "medium", "large", "seconds", "relative")
        }
        counts = {
            key: round(statistics.median(getattr(row, key) for row in same))
            for key in ("parameters", "multiply_adds")
        }
        result.append(DetectorResult(name=name, seed=same[0].seed, **fields, **counts))
    return result


def detector_table(rows: Sequence[DetectorResult]) -> list[dict[str, Any]]:
    """Formats the closing table."""
    return [
        {
            "検出器": row.name,
            "AP": row.ap,
            "AP50": row.ap50,
            "小": row.small,
            "中": row.medium,
            "大": row.large,
            "1 枚 (ミリ秒)": f"{1000 * row.seconds:.1f}",
            "時間 (倍)": f"{row.relative:.1f}",
            "パラメータ (千)": f"{row.parameters / 1000:.0f}",
            "積和 (百万)": f"{row.multiply_adds / 1e6:.0f}",
        }
        for row in rows
    ]
