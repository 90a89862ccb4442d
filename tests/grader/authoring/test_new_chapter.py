from pathlib import Path

import pytest

from grader.authoring.new_chapter import lay_out
from grader.course.chapters import Chapter, ChapterError, load_chapter
from grader.course.notebooks import build
from grader.course.report import faults


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


def test_it_keeps_to_the_grammar(chapter: Chapter) -> None:
    root = chapter.folder.parent.parent
    folder = lay_out(root, "7", "image_captions")
    laid_out = load_chapter(7, root)
    assert laid_out.folder == folder == root / "chapters/ch07_image_captions"
    assert [*laid_out.exercises] == ["ch07.predict_sum", "ch07.share_above_mean"]
    assert laid_out.keys is not None
    assert faults(laid_out) == []
    assert (root / "tests/chapters/ch07_image_captions/__init__.py").is_file()
    cells = [cell.source for cell in build(laid_out, "https://github.com/OWNER/REPO").cells]
    assert cells[0].startswith("# 第 7 章 表題 — Image captions\n")
    assert "@" not in "".join(path.read_text("utf-8") for path in files(folder))


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("0", "captions"),
        ("00", "captions"),
        ("100", "captions"),
        ("-1", "captions"),
        ("٣", "captions"),
        ("seven", "captions"),
        ("7", ""),
        ("7", "Captions"),
        ("7", "image captions"),
        ("7", "image-captions"),
        ("7", "captions_"),
        ("7", "../captions"),
        ("7", "字幕"),
    ],
)
def test_bad_number_or_name_is_refused(chapter: Chapter, number: str, name: str) -> None:
    root = chapter.folder.parent.parent
    before = files(root)
    with pytest.raises(ChapterError, match="grader new-chapter"):
        lay_out(root, number, name)
    assert files(root) == before


@pytest.mark.parametrize(
    "place", ["chapters/ch07_other", "tests/chapters/ch07_captions", "notebooks/07_captions.ipynb"]
)
def test_number_that_is_taken_is_refused(chapter: Chapter, place: str) -> None:
    root = chapter.folder.parent.parent
    (root / place).mkdir(parents=True)
    before = files(root)
    with pytest.raises(ChapterError, match=Path(place).name):
        lay_out(root, "07", "captions")
    assert files(root) == before
