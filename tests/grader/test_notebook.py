import subprocess
import sys

import pytest

import grader
from grader import notebook
from grader.chapters import Chapter
from grader.notebook import Card, check, hint, score, solution


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


def test_check_returns_nothing_to_display() -> None:
    assert eval("check('ch01.double')", {"check": check}) is None


def test_hidden_check_stays_with_the_grader(capsys: pytest.CaptureFixture[str]) -> None:
    exec(
        "def double(x): return 2 * x if getattr(x, 'ndim', 0) else 7\ncheck('ch01.double')", {"check": check}
    )
    assert said(capsys).startswith("✅")


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
