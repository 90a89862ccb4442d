import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest

from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.reports import pages as pages_module
from grader.reports.pages import (
    LONGEST_TEXT,
    MARK,
    ChapterTable,
    Pages,
    Row,
    for_learner,
    moment,
    readable,
    spoken,
)
from grader.reports.statistics import class_figures

BASE = Path(pages_module.__file__).parent / "templates" / "base.html"
VOID = {"meta", "line", "rect"}

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% for x in y %}{# #}",
    "{name} {0} %s %(x)d",
    "</style></title></main><h1>",
    "<!-- --> <![CDATA[ ]]> &lt;b&gt; &#60;",
    "left \u202eright\u2066\u200f end",
    "nul \0 bell \7 escape \x1b[31m delete \x7f next \x85",
    "half \ud800 pair \udcff",
    "x" * 100_000,
    "行\u2028行\u2029行",
    "\U000e0041\U000e007f tags",
    "",
]


@pytest.fixture(autouse=True)
def japanese(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are in Japanese unless a test says otherwise."""
    monkeypatch.setenv("COURSE_LANG", "ja")


class Page(HTMLParser):
    """The tags, attributes, addresses and text of a page.

    Attributes:
        tags: Names of the elements, in order.
        attributes: Element and name of each attribute, in order.
        links: What the page refers to.
        content: Text and the values of attributes.
    """

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.content: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name) for name, _value in attrs]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.content += [value or "" for _name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.content.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        """All of the content."""
        return "\n".join(self.content)


def exercise(number: int, status: Status = Status.WRONG_VALUE, **said: str) -> ExerciseResult:
    score = 2 if status == Status.PASSED else 0
    fields = {"title": f"問題 {number}", "reason": ""} | said
    return ExerciseResult(
        id=f"ch05.part{number}", status=status, score=score, max_score=2, seconds=1.25, **fields
    )


def submission(
    *exercises: ExerciseResult, name: str = "a.ipynb", problem: str = "", isolation: str = "bubblewrap"
) -> SubmissionResult:
    return SubmissionResult(
        submission=name,
        chapter="ch05_toy",
        score=sum(each.score for each in exercises),
        max_score=2 * len(exercises),
        exercises=list(exercises),
        isolation=isolation,
        problem=problem,
        notebook="ab" * 32,
        graded_at="2026-11-24T15:44:12+09:00",
        versions={"python": "3.11.7", "keras": "3.15.0"},
    )


def said_everywhere(text: str) -> SubmissionResult:
    """A submission in which a learner, a chapter or a grader says one text wherever there is a text."""
    everything = exercise(
        1, title=text, reason=text, detail=f"{text}!", given=text, expected=text, hint=text, mistake=text
    )
    fault = exercise(2, Status.GRADER_FAULT, reason=text, detail=text)
    return submission(
        replace(everything, check="visible"),
        exercise(3, Status.PASSED, title=text),
        fault,
        name=f"{text}.ipynb",
    )


def all_pages(result: SubmissionResult) -> list[Page]:
    """Every kind of page of one submission."""
    pages = Pages()
    table = ChapterTable("ch05_toy", "class/ch05_toy.html", [Row(result, "submissions/a.html")])
    ungraded = Row(
        submission(name=result.submission, problem=result.exercises[0].reason), "submissions/b.html"
    )
    sources = [
        pages.index([table], [ungraded]),
        pages.class_page("ch05_toy", class_figures([result])),
        pages.submission(result, "../class/ch05_toy.html", "../learners/a.html"),
        pages.learner(result),
        pages.learner(ungraded.result),
    ]
    return [Page(source) for source in sources]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_changes_what_a_page_is_made_of(text: str) -> None:
    plain = all_pages(said_everywhere("plain"))
    for page, expected in zip(all_pages(said_everywhere(text or "x")), plain, strict=True):
        assert page.tags == expected.tags
        assert page.attributes == expected.attributes
        assert page.links == expected.links


@pytest.mark.parametrize("text", HOSTILE[:5], ids=range(5))
def test_text_is_shown_as_it_was_written(text: str) -> None:
    assert all(text in page.text for page in all_pages(said_everywhere(text)))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_pages_hold_no_character_that_hides_or_turns_others(text: str) -> None:
    for page in all_pages(said_everywhere(text or "x")):
        assert all(each.isprintable() or each in "\n\u3000" for each in page.text)


def test_long_text_is_cut_and_says_how_long_it_was() -> None:
    shown = readable("x" * 100_000)
    assert len(shown) < LONGEST_TEXT + 20
    assert "100,000" in shown
    assert all(len(page.text) < 40_000 for page in all_pages(said_everywhere("x" * 100_000)))


def test_unsafe_characters_are_shown_as_escapes() -> None:
    assert readable("a\0\x1b\u202e\ud800\r") == r"a\x00\x1b\u202e\ud800\r"


@pytest.mark.parametrize("text", ["山田　太郎", "👩‍🔬 é", "two\nlines\tand a tab", "مرحبا"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert readable(text) == text


def test_pages_need_nothing_from_outside_and_run_nothing() -> None:
    outside = re.compile(
        r"https?:|//|\ssrc|@import|url\(|<script|<link|<i?frame|<object|<base|<form|\son\w+=", re.I
    )
    pages = Pages()
    result = said_everywhere("text")
    row = Row(result, "submissions/a.html")
    for source in (
        pages.index([ChapterTable("ch05_toy", "class/ch05_toy.html", [row])], [row]),
        pages.class_page("ch05_toy", class_figures([result])),
        pages.submission(result, "", ""),
        pages.learner(result),
    ):
        assert not outside.search(source)
        assert "default-src 'none'; style-src 'unsafe-inline'" in source
        assert MARK in source[:1000]


def test_learners_page_links_to_no_other_page() -> None:
    page = Page(Pages().learner(said_everywhere("text")))
    assert page.links == ["#e1", "#e2", "#e3"]


def test_learner_is_told_what_helps() -> None:
    told = exercise(
        1, reason="REASON", given="GIVEN", expected="EXPECTED", hint="HINT", mistake="NAME", check="visible"
    )
    page = Page(Pages().learner(submission(told)))
    for text in ("問題 1", "REASON", "GIVEN", "EXPECTED", "HINT", "0 / 2", "1.25 秒", "bubblewrap"):
        assert text in page.text


@pytest.mark.parametrize("check", ["hidden", "", "of tomorrow"])
def test_learner_is_told_nothing_of_a_check_that_is_not_visible(check: str) -> None:
    secrets = {"given": "SECRET-1", "expected": "SECRET-2", "detail": "SECRET-3", "mistake": "SECRET-4"}
    result = submission(exercise(1, reason="REASON", check=check, **secrets))
    source = Pages().learner(result)
    assert "REASON" in source
    assert "SECRET" not in source
    assert "SECRET" not in str(for_learner(result))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_learner_is_not_told_which_check_decided(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", language)
    sources = [
        Pages().learner(submission(exercise(1, reason="REASON", detail="x", check=check)))
        for check in ("visible", "hidden")
    ]
    assert sources[0] == sources[1]


def test_instructor_is_told_everything() -> None:
    result = submission(
        exercise(1, reason="REASON", detail="DETAIL", hint="HINT", mistake="NAME", check="hidden"),
        exercise(2, reason="SAME", detail="SAME", given="GIVEN", expected="EXPECTED", check="visible"),
    )
    page = Page(Pages().submission(result, "../class/c.html", "../learners/l.html"))
    told = ["REASON", "DETAIL", "HINT", "NAME", "GIVEN", "EXPECTED", "隠した検査", "公開の検査", "ab" * 32]
    assert all(text in page.text for text in [*told, "2026-11-24 06:44 UTC", "keras 3.15.0", "bubblewrap"])
    assert page.text.count("SAME") == 1
    assert page.links[:3] == ["../index.html", "../class/c.html", "../learners/l.html"]


def test_graders_fault_is_no_reason_for_a_hint() -> None:
    page = Page(Pages().learner(submission(exercise(1, Status.GRADER_FAULT, reason="REASON", hint="HINT"))))
    assert "REASON" in page.text
    assert "HINT" not in page.text


def test_index_shows_the_graders_faults_first_and_counts_those_that_do_not_fit() -> None:
    fault = exercise(1, Status.GRADER_FAULT, reason="told the learner", detail="the check raised KeyError")
    rows = [
        Row(submission(fault, name=f"{number}.ipynb"), f"submissions/{number}.html") for number in range(23)
    ]
    page = Page(Pages().index([ChapterTable("ch05_toy", "class/ch05_toy.html", rows)], []))
    assert page.text.count("the check raised KeyError") == 20
    assert "ほか 3 件" in page.text
    assert page.text.index("the check raised KeyError") < page.text.index("第 5 章")


def test_index_names_every_isolation() -> None:
    rows = [
        Row(submission(exercise(1), name=name, isolation=name), f"submissions/{name}.html")
        for name in ("bubblewrap", "process")
    ]
    text = Page(Pages().index([ChapterTable("ch05_toy", "class/ch05_toy.html", rows)], [])).text
    assert "隔離: bubblewrap" in text
    assert "隔離: process" in text


def test_index_stays_small() -> None:
    rows = [
        Row(
            submission(
                *[exercise(number, Status.PASSED) for number in range(8)], name=f"learner_{row:04d}.ipynb"
            ),
            f"submissions/learner_{row:04d}-0123456789abcdef.html",
        )
        for row in range(1000)
    ]
    source = Pages().index([ChapterTable("ch05_toy", "class/ch05_toy.html", rows)], [])
    assert len(source.encode()) < 1_000_000


def test_class_page_shows_scores_hardest_outcomes_mistakes_and_time() -> None:
    results = [
        submission(exercise(1, Status.PASSED), exercise(2, mistake="平均を忘れる"), name=f"{number}.ipynb")
        for number in range(3)
    ]
    page = Page(Pages().class_page("ch05_toy", class_figures(results)))
    assert "2 点が 3 件" in page.content  # the chart, in words
    assert page.text.index("難しかった問題") < page.text.index("問題 2") < page.text.index("問題 1")
    assert "平均を忘れる" in page.text
    assert "{count}" not in page.text
    assert {"svg", "rect", "line", "text", "table"} <= set(page.tags)


def test_class_page_keeps_all_of_many_mistakes() -> None:
    results = [
        submission(exercise(1, mistake=f"間違い {number:02d}"), name=f"{number}.ipynb")
        for number in range(13)
    ]
    page = Page(Pages().class_page("ch05_toy", class_figures(results)))
    assert all(f"間違い {number:02d}" in page.text for number in range(13))
    assert "ほか 3 件" in page.text


@pytest.mark.parametrize(("language", "word"), [("ja", "合格"), ("en", "passed")])
def test_page_speaks_its_language_and_marks_the_chapters(
    language: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_LANG", language)
    source = Pages().learner(submission(exercise(1, Status.PASSED)))
    assert f'<html lang="{language}">' in source
    assert 'lang="ja">1. 問題 1' in source
    assert word in source


def test_language_of_a_text_is_told_by_its_letters() -> None:
    assert [spoken(text, "en") for text in ("はい", "早期終了", "accuracy")] == ["ja", "ja", "en"]


def test_moment_is_in_utc_and_no_other_text_is_lost() -> None:
    assert moment("2026-11-24T06:44:12Z") == "2026-11-24 06:44 UTC"
    assert moment("2026-11-24T06:44:12") == "2026-11-24 06:44 UTC"
    assert moment("yesterday") == "yesterday"


# The colours, as WCAG 2 computes their contrast.

SURFACES = ("--paper", "--card")
TONES = ("--passed", "--wrong", "--stopped", "--open", "--fault")


def palettes() -> list[tuple[str, dict[str, str]]]:
    light, dark = re.findall(r":root \{(.*?)\}", BASE.read_text("utf-8"), re.DOTALL)
    colour = r"(--[\w-]+): (#[0-9a-f]{6})"
    return [("light", dict(re.findall(colour, light))), ("dark", dict(re.findall(colour, dark)))]


def luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(
    ("name", "colours"), palettes(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_text_can_be_read(name: str, colours: dict[str, str]) -> None:
    pairs = [
        *product(("--ink", "--soft", "--accent"), SURFACES),
        *((tone, f"{tone}-bg") for tone in TONES),  # badges
        *(("--card", tone) for tone in TONES),  # signs on the bars
    ]
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: round(value, 2) for pair, value in low.items() if value < 4.5} == {}


@pytest.mark.parametrize(
    ("name", "colours"), palettes(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_bars_stand_out_from_what_is_behind_them(name: str, colours: dict[str, str]) -> None:
    for bar, behind in product(("--passed", "--accent"), ("--card", "--open-bg")):
        assert contrast(colours[bar], colours[behind]) >= 3
