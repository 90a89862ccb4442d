import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import grader
from grader.course.chapters import Chapter, ChapterError
from grader.learner import notebook
from grader.learner.notebook import Card, check, hint, require, score, solution
from tests.grader.question_course import DEPTH, OPTIONS, SHARE, TOO_FEW, write_question_course


@pytest.fixture(autouse=True)
def _fresh_session(installed: Chapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "ja")
    monkeypatch.setattr(notebook, "_verdicts", {})
    monkeypatch.setattr(notebook, "_hints_shown", type(notebook._hints_shown)())


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "symbol", "text"),
    [
        ("def double(x): return 2 * x", "✅", "3"),
        ("def double(x): return 3 * x", "❌", "3 倍になっています。"),
        ("def double(x): return 1 / 0", "❌", "ZeroDivisionError"),
        ("def double(x): raise NotImplementedError", "⬜", "2 倍にする"),
        ("", "⬜", "2 倍にする"),
    ],
)
def test_check_judges_the_callers_names(
    capsys: pytest.CaptureFixture[str], answer: str, symbol: str, text: str
) -> None:
    exec(f"{answer}\ncheck('ch01.double')", {"check": check})
    shown = said(capsys)
    assert shown.startswith(symbol)
    assert text in shown


@pytest.mark.parametrize("ask", ["check", "require"])
def test_answer_under_another_name_is_told(capsys: pytest.CaptureFixture[str], ask: str) -> None:
    cell = "# EXERCISE ch01.double\ndef dobule(x):\n    return 2 * x"
    names = {"check": check, "require": require, "In": ["", cell, "..."]}
    exec(f"{cell}\ntry:\n    {ask}('ch01.double')\nexcept AssertionError as error:\n    print(error)", names)
    shown = said(capsys)
    assert shown.startswith("⬜")
    assert "`dobule`" in shown
    assert "`double`" in shown


def test_name_that_only_ipython_should_have_may_be_the_learners(capsys: pytest.CaptureFixture[str]) -> None:
    exec("In = 3\ncheck('ch01.double')", {"check": check})
    assert said(capsys).startswith("⬜")


def test_check_returns_nothing_to_display() -> None:
    assert eval("check('ch01.double')", {"check": check}) is None


def test_hidden_check_stays_with_the_grader(capsys: pytest.CaptureFixture[str]) -> None:
    exec(
        "def double(x): return 2 * x if getattr(x, 'ndim', 0) else 7\ncheck('ch01.double')", {"check": check}
    )
    assert said(capsys).startswith("✅")


FITTED = "def double(x): return 2 * x if getattr(x, 'ndim', 0) else 7"


def required(answer: str, *, hidden: bool = False) -> None:
    exec(f"{answer}\nrequire('ch01.double', hidden={hidden})", {"require": require})


def test_require_shows_a_pass_once(capsys: pytest.CaptureFixture[str]) -> None:
    required("def double(x): return 2 * x")
    assert said(capsys).startswith("✅")
    required("def double(x): return 2 * x", hidden=True)
    assert said(capsys) == ""


@pytest.mark.parametrize(
    ("answer", "text"),
    [("def double(x): return 3 * x", "❌[^✅]*3 倍になっています。"), ("", "⬜ "), ("double = 1 / 3", "❌ ")],
)
def test_require_raises_what_check_shows(answer: str, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        required(answer)


def test_require_runs_the_hidden_check_when_asked_to() -> None:
    required(FITTED)
    with pytest.raises(AssertionError, match="❌"):
        required(FITTED, hidden=True)


def test_require_names_what_it_cannot_find(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ChapterError, match=r"ch01\.nothing"):
        require("ch01.nothing")
    monkeypatch.setattr(Chapter, "key", lambda self, exercise_id: None)
    with pytest.raises(ChapterError, match=r"answers\.py"):
        required("def double(x): return 2 * x", hidden=True)


def test_require_drops_what_is_written_to_standard_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("answer")
    monkeypatch.setattr(logger, "handlers", [logging.StreamHandler(sys.stderr)])
    answer = """
import os, sys, warnings
def double(x):
    print("printed", file=sys.stderr)
    os.write(2, b"written")
    warnings.warn("warned")
    logger.warning("logged")
    return 2 * x
require("ch01.double")
"""
    exec(answer, {"logger": logger, "require": require})
    logger.warning("afterwards")
    os.write(2, b"outside")
    out, error = capfd.readouterr()
    assert out.startswith("✅")
    assert error == "afterwards\noutside"


def test_hints_come_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    for expected in ("かけ算です。", "2 をかけます。", "2 をかけます。"):
        hint("ch01.double")
        assert expected in said(capsys)
    hint("ch01.area_and_name")
    assert "円の面積と名前" in said(capsys)


def test_solution_shows_code_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    solution("ch01.double")
    shown = said(capsys)
    assert "return 2 * x" in shown
    assert "2 をかけるだけです。" in shown


def test_released_copy_has_no_solution(
    installed: Chapter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exercise = installed.exercises["ch01.double"]
    released = Chapter(1, installed.name, installed.folder, installed.exercises, None)
    monkeypatch.setattr(notebook, "find_exercise", lambda _id: (released, exercise))
    solution("ch01.double")
    shown = said(capsys)
    assert "return" not in shown
    assert "解答" in shown


def test_unknown_exercise_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    for show in (check, hint, solution):
        show("ch01.doubel")
        assert "ch01.double, ch01.area_and_name" in said(capsys)


def test_score_lists_the_chapter(capsys: pytest.CaptureFixture[str]) -> None:
    score()
    assert said(capsys).startswith("⬜")
    exec("def double(x): return 2 * x\ncheck('ch01.double')", {"check": check})
    said(capsys)
    score()
    shown = said(capsys)
    assert "3" in shown.splitlines()[0]
    assert "7" in shown.splitlines()[0]
    assert "✅   3  ch01.double" in shown
    assert "⬜   4  ch01.area_and_name" in shown


def test_card_escapes_what_it_shows() -> None:
    page = Card("❌", "<b>", ["<script>"], "a < b")._repr_html_()
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert "a &lt; b" in page


def test_import_in_the_first_cell_is_light() -> None:
    script = "import sys; from grader import check; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not {"tensorflow", "keras", "jupytext", "nbformat", "typer", "jinja2"} & set(loaded.split())


def test_package_offers_no_other_name() -> None:
    assert grader.score is score
    with pytest.raises(AttributeError):
        _ = grader.nothing


def checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Installs the chapter with questions and runs code in a notebook's place."""
    chapter = write_question_course(tmp_path / "asking")
    monkeypatch.setattr("grader.course.chapters._importable_chapters", lambda: [chapter.folder.parent])
    exec(code, {"check": check, "require": require, "score": score, "solution": solution})


@pytest.mark.parametrize("option", ["ア", "イ", "ウ"])
def test_pass_of_a_question_says_that_it_is_taken_and_not_that_it_is_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    checked(monkeypatch, tmp_path, f"predict_depth = '{option}'\ncheck('{DEPTH}')\nscore()")
    shown = said(capsys)
    assert shown.startswith("📝 受け付けました — 深さ\n")
    assert f"あなたの答え: {option}: {OPTIONS[option]}" in shown
    assert "ここでは判定しません" in shown
    assert "9 点中 0 点" in shown
    assert f"📝   1  {DEPTH}" in shown
    assert "採点のときに決まります" in shown
    assert "✅" not in shown


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("''", "⬜ 未回答[^✅❌]*引用符の間に ア・イ・ウ"),
        ("'エ'", "❌ この答えは受け付けられません[^✅]*'エ'"),
    ],
)
def test_question_without_a_usable_answer_says_how_to_answer(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    text: str,
) -> None:
    checked(monkeypatch, tmp_path, f"predict_depth = {answer}\ncheck('{DEPTH}')")
    assert re.match(text, said(capsys))


def test_number_that_is_not_there_says_how_to_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked(
        monkeypatch, tmp_path, f"predict_share = None\ncheck('{SHARE}')\npredict_share = 3\ncheck('{SHARE}')"
    )
    unanswered, _mark, taken = said(capsys).partition("📝")
    assert "None の代わりに 0 から 100 までの数 (単位は %)" in unanswered
    assert "あなたの答え: 3 %" in taken


def test_require_of_a_question_tells_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = f"predict_depth = 'ア'\nrequire('{DEPTH}')\nrequire('{DEPTH}', hidden=True)"
    with pytest.raises(AssertionError, match=f"❌ 予想と違いました — 深さ\n   {TOO_FEW}"):
        checked(monkeypatch, tmp_path, code)


def test_solution_of_a_question_shows_the_answer_and_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked(monkeypatch, tmp_path, f"solution('{DEPTH}')")
    shown = said(capsys)
    assert 'predict_depth = "イ"  # 10 層' in shown
    assert "深いほうがよいからです。" in shown
