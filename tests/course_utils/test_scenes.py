from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from sklearn.linear_model import LogisticRegression

from course_utils.scenes import STUFF, THINGS, Difficulty, SceneSet, load_scenes, shared_scenes


def test_the_seed_decides_the_scenes() -> None:
    first, again, other = (load_scenes("drawn", 3, size=48, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.semantic, again.semantic)
    assert not np.array_equal(first.images, other.images)


@pytest.fixture(scope="module")
def drawn() -> SceneSet:
    return load_scenes("drawn", 60, size=96, seed=3)


def test_all_that_is_known_of_a_scene_agrees(drawn: SceneSet) -> None:
    for scene in drawn.scenes:
        assert scene.image.shape == (96, 96, 3)
        assert 1 <= len(scene.labels) <= 5
        for box, label, mask in zip(scene.boxes, scene.labels, scene.masks, strict=True):
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert set(scene.semantic[mask]) == {len(STUFF) + label}
        stuff = scene.instances == 0
        assert set(np.unique(scene.semantic[stuff])) <= {0, 1}
        assert len(np.unique(scene.panoptic[~stuff])) == len(scene.labels)


def test_a_disc_fills_a_share_of_pi_over_four_of_its_box() -> None:
    apart = load_scenes("drawn", 200, size=96, seed=4, difficulty=Difficulty(sizes=(0.3, 0.5), overlap=0))
    filled = [
        mask.sum() / np.prod(box[2:] - box[:2])
        for scene in apart.scenes
        for box, label, mask in zip(scene.boxes, scene.labels, scene.masks, strict=True)
        if label == THINGS.index("円")
    ]
    assert np.mean(filled) == pytest.approx(np.pi / 4, abs=0.01)


def test_difficulty_is_kept() -> None:
    crowd = Difficulty(objects=(8, 10), sizes=(0.1, 0.2), overlap=0, clutter=0, noise=0)
    scenes = load_scenes("drawn", 20, size=96, seed=5, difficulty=crowd).scenes
    assert all(len(scene.labels) <= 10 for scene in scenes)
    assert np.mean([len(scene.labels) for scene in scenes]) > 7
    longer = np.concatenate([(scene.boxes[:, 2:] - scene.boxes[:, :2]).max(axis=1) for scene in scenes])
    assert longer.min() >= 0.1 * 96 - 2
    assert longer.max() <= 0.2 * 96 + 2


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_no_thing_is_hidden_more_than_allowed(overlap: float) -> None:
    """Discs alone tell: what was drawn of one follows from its diameter."""
    many = Difficulty(objects=(6, 8), sizes=(0.25, 0.25), overlap=overlap)
    seen = [
        mask.sum() / (np.pi / 4 * (0.25 * 96) ** 2)
        for scene in load_scenes("drawn", 60, size=96, seed=6, difficulty=many).scenes
        for label, mask in zip(scene.labels, scene.masks, strict=True)
        if label == 0
    ]
    assert min(seen) > 1 - overlap - 0.06
    assert (min(seen) > 0.94) == (overlap == 0)


def test_colour_alone_tells_no_thing_from_another(drawn: SceneSet) -> None:
    """Logistic regression on a thing's mean colour stays near chance."""
    colours = np.array([s.image[mask].mean(axis=0) for s in drawn.scenes for mask in s.masks]) / 255
    labels = np.concatenate([scene.labels for scene in drawn.scenes])
    half = len(labels) // 2
    assert LogisticRegression().fit(colours[:half], labels[:half]).score(colours[half:], labels[half:]) < 0.45


# COCO's format


def polygon(x1: float, y1: float, x2: float, y2: float) -> list[float]:
    return [x1, y1, x2, y1, x2, y2, x1, y2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photographs, 80 × 40 and 40 × 40, with things as a polygon, run lengths and a box alone."""
    (tmp_path / "coco" / "images").mkdir(parents=True)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    for name, shape in (("images/wide.png", (40, 80, 3)), ("square.png", (40, 40, 3))):
        cv2.imwrite(str(tmp_path / "coco" / name), np.full(shape, (0, 0, 200), np.uint8))
    write(
        tmp_path,
        {
            "images": [
                {"id": 7, "file_name": "wide.png", "width": 80, "height": 40},
                {"id": 9, "file_name": "square.png", "width": 40, "height": 40},
            ],
            "categories": [{"id": 18, "name": "犬"}, {"id": 3, "name": "車"}],
            "annotations": [
                {"id": 1, "image_id": 7, "category_id": 18, "bbox": [20, 10, 20, 20], "iscrowd": 0,
                 "segmentation": [polygon(20, 10, 40, 30)]},
                {"id": 2, "image_id": 7, "category_id": 3, "bbox": [0, 0, 80, 40], "iscrowd": 1,
                 "segmentation": {"size": [40, 80], "counts": [0, 3200]}},
                {"id": 3, "image_id": 9, "category_id": 3, "bbox": [0, 0, 10, 40], "iscrowd": 0,
                 "segmentation": {"size": [40, 40], "counts": [0, 400, 1200]}},
                {"id": 4, "image_id": 9, "category_id": 18, "bbox": [4, 4, 8, 8], "iscrowd": 0},
            ],
        },
    )  # fmt: skip
    return tmp_path


def write(folder: Path, content: Any) -> None:
    (folder / "coco" / "annotations.json").write_text(json.dumps(content), "utf-8")


def test_a_folder_gives_the_same_records(folder: Path) -> None:
    wide, square = load_scenes("coco", size=40).scenes
    names = load_scenes("coco", size=40).things
    assert names == ("車", "犬")
    assert wide.image[20, 20].tolist() == [200, 0, 0]
    assert wide.image[0, 0].tolist() == [114, 114, 114]
    assert wide.boxes.tolist() == [[10, 15, 20, 25]]  # half as large, below a bar of 10
    assert wide.labels.tolist() == [1]
    assert square.labels.tolist() == [0, 1]
    assert square.boxes.tolist() == [[0, 0, 10, 40], [4, 4, 12, 12]]
    assert square.instances[5, 5] == 2
    assert square.semantic[5, 5] == 2
    assert square.semantic[30, 5] == 1
    assert len(load_scenes("coco", 1, size=40)) == 1


def test_polygons_are_filled_as_by_pycocotools(folder: Path) -> None:
    path = folder / "coco" / "annotations.json"
    content = json.loads(path.read_text("utf-8"))
    slanted = [12.0, 3.5, 33.0, 11.0, 27.5, 36.0, 6.0, 30.0]
    annotation = {"id": 1, "image_id": 9, "category_id": 3, "bbox": [6, 3.5, 27, 32.5], "iscrowd": 0}
    write(folder, {**content, "annotations": [{**annotation, "segmentation": [slanted]}]})
    ours = load_scenes("coco", size=40).scenes[1].masks[0]
    coco = COCO(str(path))
    theirs = coco.annToMask(coco.loadAnns([1])[0]).astype(bool)
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.95


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": [{"id": 1, "file_name": "gone.png"}]}, "gone.png"),
        ({"images": [{"id": 1, "file_name": "../secret.png"}]}, "フォルダーの外"),
        ({"images": [{"id": 1}]}, "file_name"),
        ({"images": "none"}, "COCO 形式"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, change: dict[str, Any], words: str) -> None:
    content = json.loads((folder / "coco" / "annotations.json").read_text("utf-8"))
    write(folder, {**content, "annotations": [], **change})
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        load_scenes("coco", size=40)


def test_a_folder_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"annotations\.json"):
        load_scenes("coco", size=40)


def test_compressed_run_lengths_and_broken_images_are_named(folder: Path) -> None:
    content = json.loads((folder / "coco" / "annotations.json").read_text("utf-8"))
    content["annotations"][2]["segmentation"]["counts"] = "PPY1"
    write(folder, content)
    with pytest.raises(ValueError, match="RLE"):
        load_scenes("coco", size=40)
    (folder / "coco" / "square.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="画像として読めません"):
        load_scenes("coco", size=40)


def test_drawn_scenes_need_a_count_and_a_source_that_exists() -> None:
    with pytest.raises(ValueError, match="count"):
        load_scenes("drawn")
    with pytest.raises(ValueError, match="drawn"):
        load_scenes("voc", 3)  # type: ignore[arg-type]


def test_a_photograph_may_show_hundreds_of_things(folder: Path) -> None:
    content = json.loads((folder / "coco" / "annotations.json").read_text("utf-8"))
    many = [
        {"id": k, "image_id": 9, "category_id": 3, "bbox": [2 * (k % 20), 2 * (k // 20), 2, 2]}
        for k in range(300)
    ]
    hidden = {"id": 300, "image_id": 9, "category_id": 3, "bbox": [0, 0, 0.2, 0.2]}
    write(folder, {**content, "annotations": [*many, hidden]})
    scene = load_scenes("coco", size=40).scenes[1]
    assert len(scene.labels) == 300
    assert (scene.boxes[:, 2:] - scene.boxes[:, :2] == 2).all()


def test_parts_share_no_scene_and_begin_alike() -> None:
    parts = [shared_scenes(part, 20).images for part in ("train", "validation", "test")]
    assert len({image.tobytes() for images in parts for image in images}) == 60
    np.testing.assert_array_equal(shared_scenes("test", 3).images, parts[2][:3])
