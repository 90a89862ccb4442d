import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from benchmarks import assignments
from benchmarks.graders import Ours, answered, write


def test_answers_go_into_the_cells_that_ask_for_them() -> None:
    sources = ["import numpy", "# EXERCISE ch90.a\n...", "# EXERCISE ch90.b\nraise NotImplementedError"]
    cells = [new_code_cell(source) for source in sources]
    notebook = new_notebook(cells=[*cells, new_markdown_cell("# EXERCISE ch90.b")])
    filled = answered(notebook, {"ch90.b": "b = 1\n", "ch90.c": "c = 1"})
    assert [cell.source for cell in filled.cells] == [
        *sources[:2],
        "# EXERCISE ch90.b\nb = 1",
        "# EXERCISE ch90.b",
    ]
    assert notebook.cells[2].source == sources[2]


def test_ours_gets_a_course_of_its_own_and_an_empty_gradebook(tmp_path: Path) -> None:
    ours = Ours()
    notebook = ours.release(assignments.small_network(), tmp_path / "course")
    (command,) = ours.hand_in(tmp_path / "course", tmp_path / "run", {"ann": notebook, "ben": notebook}, 2)
    handed_in = sorted((tmp_path / "run" / "submissions").iterdir())
    assert [path.name for path in handed_in] == ["ann.ipynb", "ben.ipynb"]
    assert (tmp_path / "run" / "chapters" / "__init__.py").is_file()
    assert not (tmp_path / "run" / "out").exists()
    assert command.arguments[-2:] == ["--jobs", "2"]
    sources = [cell.source for cell in nbformat.read(handed_in[0], as_version=4).cells]
    assert sources[1].startswith("# EXERCISE ch91.small_network\ndef small_network(")
    assert sources[2] == 'check("ch91.small_network")'


def test_points_of_ours_come_from_its_report(tmp_path: Path) -> None:
    report = [
        {
            "submission": "ann.ipynb",
            "exercises": [{"id": "ch91.a", "score": 4}, {"id": "ch91.b", "score": 0}],
        },
        {"submission": "ben.ipynb", "exercises": []},
    ]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "grades.json").write_text(json.dumps(report), "utf-8")
    assert Ours().points(tmp_path) == {"ann": {"a": 4, "b": 0}, "ben": {}}


def test_notebooks_are_saved_for_python(tmp_path: Path) -> None:
    path = tmp_path / "new" / "notebook.ipynb"
    write(new_notebook(), path)
    assert nbformat.read(path, as_version=4).metadata.kernelspec.name == "python3"
