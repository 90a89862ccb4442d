"""The tables of chapter 8: what experiments stored, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chapters.ch08_detection_segmentation.experiment import NETWORKS, SegmentationResult
from course_utils.detection import DetectorResult, PanopticQuality
from course_utils.scenes import STUFF, THINGS
from course_utils.tables import min_median_max

NAMES: Mapping[str, str] = {
    "commonest": "いちばん多いクラス",
    "colour": "画素の色だけ",
    "FCN": "FCN、粗いマップだけ",
    "FCN + skips": "FCN、細かいマップも足す",
    "U-Net, no skips": "U-Net、スキップなし",
    "U-Net": "U-Net",
}

LOSSES: Mapping[str, str] = {
    "plain": "交差エントロピー",
    "mining": "難しい背景だけ",
    "focal": "フォーカルロス",
}
"""What the lesson calls each loss."""

QUALITIES = ("PQ", "形の質 SQ", "見つけた質 RQ")


def of(results: Sequence[SegmentationResult], key: str) -> list[float]:
    """Returns the mean IoU of each seed."""
    return [result.mean_iou for result in results if result.key == key]


def segmentation_rows(results: Sequence[SegmentationResult]) -> list[dict[str, Any]]:
    """One row for each baseline and network."""
    rows = []
    for key in ("commonest", "colour", *NETWORKS):
        own = [result for result in results if result.key == key]
        rows.append(
            {
                "": NAMES[key],
                "画素の正解率": min_median_max([each.accuracy for each in own]),
                "mIoU": min_median_max([each.mean_iou for each in own]),
                "パラメータ": own[0].parameters,
            }
        )
    return rows


def class_rows(results: Sequence[SegmentationResult]) -> list[dict[str, Any]]:
    """One row for each baseline and network: IoU by class, and what is right near borders."""
    rows = []
    for key in ("commonest", "colour", *NETWORKS):
        own = [result for result in results if result.key == key]
        by_class = np.median([each.iou for each in own], axis=0)
        row: dict[str, Any] = {"": NAMES[key]}
        row |= {name: float(value) for name, value in zip((*STUFF, *THINGS), by_class, strict=True)}
        row["境目の近く"] = float(np.median([each.border for each in own]))
        rows.append(row)
    return rows


def detector_rows(results: Sequence[DetectorResult]) -> list[dict[str, Any]]:
    """One row for each detector."""
    return [
        {
            "検出器": each.name,
            "AP": each.ap,
            "AP50": each.ap50,
            "小": each.small,
            "中": each.medium,
            "大": each.large,
            "ミリ秒": f"{1000 * each.seconds:.0f}",
            "本体の何倍": f"{each.relative:.1f}",
            "パラメータ": each.parameters,
            "積和 (百万)": round(each.multiply_adds / 1e6),
        }
        for each in results
    ]


def quality_rows(quality: PanopticQuality) -> list[dict[str, Any]]:
    """One row for the stuff, one for the things, and one for all classes, each a mean over classes."""
    parts = {"空と地面": slice(0, len(STUFF)), "もの": slice(len(STUFF), None), "全体": slice(None)}
    values = quality.by_class, quality.segmentation, quality.recognition
    return [
        {"": name}
        | {column: float(np.mean(each[part])) for column, each in zip(QUALITIES, values, strict=True)}
        for name, part in parts.items()
    ]
