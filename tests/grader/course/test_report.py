"""``report.toml``: how it is read, compared with the lesson, and shown in the notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import notebooks
from grader.course.chapters import Chapter
from grader.course.report import OPENING, ReportError, Statement, faults, places_in, read_report, report_box
from tests.grader.toy_course import write_course

LESSON = """\
# %% [markdown]
# # 数のおけいこ

# %% [markdown]
# {{report}}

# %% [markdown]
# ## 1. 和
#
# ### 手で計算する

# %%
claim("ch01.sum", 45)

# %% [markdown]
# ## 2. 倍

# %%
claim(
    "ch01.twice",
    2,
)

# %%
# EXERCISE ch01.double

# %%
check("ch01.double")

# %% [markdown]
# ## 3. 演習

# %%
# EXERCISE ch01.area_and_name

# %%
check("ch01.area_and_name")

# %% [markdown]
# ## まとめ
"""

REPORT = """\
title = "数"
about = "「レポート」は報告で、この章は <数> の節を扱います。"
beyond = ["ch01.area_and_name"]

[[statement]]
says = "和は 45 です。"
claims = "ch01.sum"

[[statement]]
part = "考察"
says = "2 倍にします。"
whose = "record"
section = ["倍", "和"]
exercises = ["ch01.double"]
open = "3 倍がありません。"
"""


def with_report(root: Path, report: str = REPORT, lesson: str = LESSON) -> Chapter:
    """The toy chapter with a lesson of three sections and its ``report.toml``."""
    chapter = write_course(root / "course", lesson=lesson)
    (chapter.folder / "report.toml").write_text(report, "utf-8")
    return chapter


def test_statements_are_read_in_order(tmp_path: Path) -> None:
    report = read_report(with_report(tmp_path))
    assert report.title == "数"
    assert report.beyond == ("ch01.area_and_name",)
    assert report.treated == 1
    assert report.statements == (
        Statement("和は 45 です。", claims=("ch01.sum",)),
        Statement(
            "2 倍にします。", "record", "考察", ("倍", "和"), (), ("ch01.double",), "3 倍がありません。"
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title = ", "titel = ", ": titel"),
        ('title = "数"', "title = 3", ": title"),
        ('title = "数"', "title = 数", "TOML"),
        ("says = ", "say = ", "statement 1 「」: say "),
        ('"2 倍にします。"', '"和は 45 です。"', "statement 2 「和は 45 です。」"),
        ('"record"', '"mine"', "statement 2 「2 倍にします。」: whose.*report, record"),
        ('["倍", "和"]', "[1]", "statement 2 「2 倍にします。」: section"),
        ('claims = "ch01.sum"', "", "statement 1 「和は 45 です。」: .*open"),
        ('open = "3 倍がありません。"', 'open = ""', "statement 2 「2 倍にします。」: open"),
    ],
)
def test_what_breaks_the_grammar_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in REPORT
    with pytest.raises(ReportError, match=rf"ch01_numbers/report\.toml.*{said}") as error:
        read_report(with_report(tmp_path, REPORT.replace(old, new, 1)))
    assert "\n" not in str(error.value)
    assert " / " in str(error.value)


def test_no_statement_and_no_file_are_named(tmp_path: Path) -> None:
    chapter = with_report(tmp_path, REPORT.partition("[[")[0])
    with pytest.raises(ReportError, match=r"ch01_numbers/report\.toml has no \[\[statement\]\]"):
        read_report(chapter)
    (chapter.folder / "report.toml").unlink()
    with pytest.raises(ReportError, match=r"ch01_numbers/report\.toml is missing"):
        read_report(chapter)


def test_places_are_those_of_the_lesson(tmp_path: Path) -> None:
    places = places_in(with_report(tmp_path))
    sections = {OPENING: OPENING, "和": "1. 和", "倍": "2. 倍", "演習": "3. 演習", "まとめ": "まとめ"}
    assert places.sections == sections
    assert places.claims == {"ch01.sum": "和", "ch01.twice": "倍"}
    assert places.exercises == {"ch01.double": "倍", "ch01.area_and_name": "演習"}


def test_claims_are_also_those_of_claims_toml(tmp_path: Path) -> None:
    chapter = with_report(tmp_path, REPORT.replace('"ch01.sum"', '["ch01.sum", "ch01.looped"]'))
    assert ["ch01.looped" in fault for fault in faults(chapter)] == [True]
    (chapter.folder / "claims.toml").write_text('["ch01.looped"]\nstatement = "…"\n', "utf-8")
    assert faults(chapter) == []


def test_report_that_fits_has_no_faults(tmp_path: Path) -> None:
    assert faults(with_report(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"倍", ', '"4 倍", ', ["statement 2 「2 倍にします。」: 節「4 倍」"]),
        ("ch01.sum", "ch01.total", ["statement 1 「和は 45 です。」: 主張「ch01.total」", "section"]),
        ('["ch01.double"]', '["ch01.triple"]', ["問題「ch01.triple」", "「ch01.double」"]),
        ('beyond = ["ch01.area_and_name"]', "", ["「ch01.area_and_name」"]),
        ('["ch01.area_and_name"]', '["ch01.area_and_name", "積"]', ["beyond: 「積」"]),
        ('["ch01.area_and_name"]', '["ch01.area_and_name", "和"]', ["beyond: 「和」"]),
    ],
)
def test_names_are_compared_in_both_directions(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    assert old in REPORT
    found = faults(with_report(tmp_path, REPORT.replace(old, new, 1)))
    for part in said:
        assert any("ch01_numbers/report.toml" in fault and part in fault for fault in found), found
    assert all("\n" not in fault for fault in found)


def test_section_that_no_statement_reaches_is_named(tmp_path: Path) -> None:
    lesson = LESSON.replace("# ## 3. 演習", "# ## 3. 積\n\n# %% [markdown]\n# ## 4. 演習")
    assert ["「積」" in fault for fault in faults(with_report(tmp_path, lesson=lesson))] == [True]


def test_box_holds_the_sentence_and_each_statement_with_its_place(tmp_path: Path) -> None:
    assert report_box(with_report(tmp_path)).splitlines() == [
        "<details>",
        "<summary>「レポート」は報告で、この章は &lt;数&gt; の節を扱います。 "
        "<b>節が述べていることの一覧を開く</b></summary>",
        "",
        "レポートの順番のまま、この講座の言葉で書き直しました。矢印の先が、この章でそれを扱う場所です。"
        "正しくないところは、そこで直します。",
        "",
        "1. 和は 45 です。<br>→ 1. 和",
        "",
        "**考察**",
        "",
        "2. (別の学習者の記録) 2 倍にします。<br>→ 1. 和 / 2. 倍 / 問題 1 2 倍にする"
        "<br>**まだ扱っていないこと**: 3 倍がありません。",
        "",
        "</details>",
    ]


def test_placeholder_becomes_the_box(tmp_path: Path) -> None:
    chapter = with_report(tmp_path)
    sources = [cell.source for cell in notebooks.build(chapter, "").cells]
    assert sources[1] == report_box(chapter)


@pytest.mark.parametrize("report", ["", REPORT.replace('"倍", ', '"4 倍", ')])
def test_notebook_is_not_built_from_a_report_that_does_not_fit(tmp_path: Path, report: str) -> None:
    chapter = with_report(tmp_path, report)
    with pytest.raises(notebooks.NotebookError, match=r"ch01_numbers/report\.toml"):
        notebooks.build(chapter, "")


def test_lesson_without_the_placeholder_needs_no_report(chapter: Chapter) -> None:
    assert notebooks.build(chapter, "").cells
