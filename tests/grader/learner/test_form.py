import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from grader.course import notebooks
from grader.course.chapters import Chapter
from grader.learner.form import Forms, offer_forms
from grader.messages import set_language
from tests.grader.question_course import DEPTH, RIGHT, SHARE, write_question_course

ROOT = Path(__file__).resolve().parents[3]
WIDGET = "application/vnd.jupyter.widget-view+json"


class Shell:
    """What the form uses of IPython's shell."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.replaced: list[str] = []
        self.hooks: list[Callable[[Any], None]] = []
        self.events = SimpleNamespace(register=lambda _event, hook: self.hooks.append(hook))

    def ex(self, code: str) -> None:
        exec(code, self.user_ns)

    def set_next_input(self, source: str, *, replace: bool) -> None:
        assert replace
        self.replaced.append(source)


class Field(SimpleNamespace):
    """The options of a form, as ipywidgets would show them."""

    def observe(self, choose: Callable[[Any], None], name: str) -> None:
        assert name == "value"
        self.choose = choose


class Page:
    """A notebook in JupyterLab: its forms, and what the kernel does when a cell is run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shell = Shell()
        self.fields: list[Field] = []
        self.said = SimpleNamespace(value="")
        widgets: Any = ModuleType("ipywidgets")
        widgets.RadioButtons = self._field
        widgets.HTML = lambda: self.said
        widgets.VBox = lambda _parts: SimpleNamespace(model_id="m")
        monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
        self.shown: list[Any] = []
        monkeypatch.setattr("IPython.display.display", lambda data, raw: self.shown.append(data))
        self._after = Forms(self.shell).after_cell

    def _field(self, **settings: Any) -> Field:
        self.fields.append(Field(**settings))
        return self.fields[-1]

    def run(self, source: str, *, fails: bool = False) -> None:
        if not fails:
            exec(source, self.shell.user_ns)
        self._after(SimpleNamespace(info=SimpleNamespace(raw_cell=source), success=not fails))

    def click(self, letter: str) -> None:
        self.fields[-1].choose({"new": letter})


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chapter:
    """The toy chapter with its questions, as the only one that is installed."""
    set_language("ja")
    chapter = write_question_course(tmp_path / "course")
    monkeypatch.setattr("grader.course.chapters._importable_chapters", lambda: [chapter.folder.parent])
    return chapter


@pytest.fixture
def page(asking: Chapter, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(monkeypatch)


def cell(chapter: Chapter, exercise_id: str = DEPTH) -> str:
    return f"# EXERCISE {exercise_id}\n{chapter.exercises[exercise_id].template.strip()}"


def test_unanswered_cell_shows_the_options_and_says_in_words_how_to_answer(
    asking: Chapter, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    page.run(cell(asking))
    (field,) = page.fields
    assert field.options == [("ア: 5 層", "ア"), ("イ: 10 層", "イ"), ("ウ: どちらも同じ", "ウ")]
    assert field.value is None
    (data,) = page.shown
    assert data[WIDGET]["model_id"] == "m"
    assert "引用符の間に" in data["text/plain"]
    assert "このセルをもう一度実行しましょう" in capsys.readouterr().out
    assert page.shell.replaced == []


def test_choice_is_written_into_the_cell_when_it_is_run_again(
    asking: Chapter, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    source = cell(asking)
    page.run(source)
    page.click("ア")
    page.click("ウ")
    assert "ウ: どちらも同じ を選びました" in page.said.value
    assert page.shell.user_ns["predict_depth"] == ""
    page.run(source)
    assert page.shell.replaced == [source.replace('= ""', '= "ウ"')]
    assert page.shell.user_ns["predict_depth"] == "ウ"
    assert 'predict_depth = "ウ"' in capsys.readouterr().out
    assert len(page.fields) == 1
    page.run(source)
    assert len(page.fields) == 2, "emptied by hand, it asks again"


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (f"# EXERCISE {DEPTH}\npredict_depth=''", f'# EXERCISE {DEPTH}\npredict_depth = "イ"'),
        (f"# EXERCISE {DEPTH}\npredict_depth = None", f'# EXERCISE {DEPTH}\npredict_depth = "イ"'),
        (f"# EXERCISE {DEPTH}\n", f'# EXERCISE {DEPTH}\npredict_depth = "イ"'),
        (
            f"# EXERCISE {DEPTH}\npredict_depth = ' '",
            f"# EXERCISE {DEPTH}\npredict_depth = ' '\npredict_depth = \"イ\"",
        ),
    ],
)
def test_choice_is_written_whatever_stands_in_the_cell(page: Page, source: str, written: str) -> None:
    page.run(source)
    page.click("イ")
    page.run(source)
    assert page.shell.replaced == [written]


def test_what_is_written_by_hand_wins(asking: Chapter, page: Page) -> None:
    page.run(cell(asking))
    page.click("ア")
    page.run(f"# EXERCISE {DEPTH}\n{RIGHT[DEPTH]}")
    assert page.shell.user_ns["predict_depth"] == "イ"
    assert page.shell.replaced == []
    assert len(page.fields) == 1


@pytest.mark.parametrize(
    "source",
    ["x = 1", "# EXERCISE ch01.double", "# EXERCISE ch01.nothing", "# EXERCISE ch77.nothing", f"# {DEPTH}"],
)
def test_other_cells_get_no_form(page: Page, source: str) -> None:
    page.run(source)
    assert page.fields == page.shown == []


def test_number_is_written_by_hand(asking: Chapter, page: Page) -> None:
    page.run(cell(asking, SHARE))
    assert page.fields == []


def test_cell_that_failed_gets_no_form(asking: Chapter, page: Page) -> None:
    page.run(cell(asking), fails=True)
    assert page.fields == []


def test_form_that_cannot_be_shown_is_no_error(
    asking: Chapter, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_settings: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(sys.modules["ipywidgets"], "RadioButtons", broken)
    page.run(cell(asking))
    assert page.shown == []


@pytest.mark.parametrize(
    ("server", "colab", "widgets", "offered"),
    [
        (True, False, True, 1),
        (False, False, True, 0),
        (True, True, True, 0),
        (True, False, False, 0),
    ],
    ids=["Jupyter server", "run by a program", "Colab", "without ipywidgets"],
)
def test_forms_are_offered_where_they_can_be_used(
    monkeypatch: pytest.MonkeyPatch, server: bool, colab: bool, widgets: bool, offered: int
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if server:
        monkeypatch.setenv("JPY_SESSION_NAME", "/home/learner/05.ipynb")
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object() if widgets else None)
    shell = Shell()
    offer_forms(shell)
    assert len(shell.hooks) == offered
    offer_forms(None)


class Kernel:
    """A kernel as a Jupyter server starts it, or as a program does."""

    def __init__(self, chapter: Chapter, *, server: bool) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
        environment |= {"JPY_SESSION_NAME": "01.ipynb"} if server else {}
        root = chapter.folder.parent.parent
        environment["PYTHONPATH"] = os.pathsep.join([str(root), str(ROOT)])
        start = pytest.importorskip("jupyter_client.manager").start_new_kernel
        self._manager, self.client = start(env=environment)
        self.run("from grader import check")

    def stop(self) -> None:
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run(self, source: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Runs a cell; returns the reply and what was published meanwhile."""
        published: list[dict[str, Any]] = []
        reply = self.client.execute_interactive(source, timeout=60, output_hook=published.append)
        assert reply["content"]["status"] == "ok", reply
        return reply["content"], published

    def click(self, published: list[dict[str, Any]], number: int) -> None:
        """Chooses an option of the form that a cell has shown."""
        (opened,) = [
            message["content"]
            for message in published
            if message["msg_type"] == "comm_open"
            and message["content"]["data"]["state"].get("_model_name") == "RadioButtonsModel"
        ]
        data = {"method": "update", "state": {"index": number}, "buffer_paths": []}
        content = {"comm_id": opened["comm_id"], "data": data}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))


@pytest.fixture(params=[True, False], ids=["server", "program"])
def kernel(asking: Chapter, request: pytest.FixtureRequest) -> Iterator[tuple[Kernel, bool]]:
    pytest.importorskip("ipywidgets")
    kernel = Kernel(asking, server=request.param)
    yield kernel, request.param
    kernel.stop()


def test_kernel_tells_the_page_to_replace_the_cell(asking: Chapter, kernel: tuple[Kernel, bool]) -> None:
    running, server = kernel
    source = cell(asking)
    reply, published = running.run(source)
    assert reply["payload"] == []
    shows_widget = [message for message in published if WIDGET in message["content"].get("data", {})]
    assert len(shows_widget) == int(server)
    if not server:
        assert not [message for message in published if message["msg_type"] != "status"][1:]
        return
    running.click(published, 1)
    reply, published = running.run(source)
    (payload,) = reply["payload"]
    assert payload == {
        "source": "set_next_input",
        "text": source.replace('= ""', '= "イ"'),
        "replace": True,
    }
    _reply, published = running.run(f'check("{DEPTH}")')
    assert any("受け付けました" in str(message["content"]) for message in published)


def test_notebook_that_is_built_from_within_a_notebook_shows_no_form(
    asking: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "elsewhere.ipynb")
    notebook = notebooks.build(asking, "")
    notebooks.execute(notebook, asking.folder.parent.parent)
    data = [output.get("data", {}) for each in notebook.cells for output in each.get("outputs", [])]
    assert data
    assert not [each for each in data if WIDGET in each]
