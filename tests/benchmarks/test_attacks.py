import json
from pathlib import Path

from nbformat.v4 import new_code_cell, new_notebook

from benchmarks import assignments
from benchmarks.attacks import (
    RIGHT,
    WRONG,
    Attack,
    broken_controls,
    cells,
    confined,
    controls,
    read_attack,
    submission,
    summary,
)
from benchmarks.graders import ROOT
from benchmarks.measure import Command


def attack(name: str, *, honest: bool = False) -> Attack:
    """An attack without any code."""
    return Attack(name, frozenset(), {}, honest=honest)


def write_attack(path: Path, applies_to: list[str], *sources: str) -> Path:
    """An attack notebook as the corpus has it."""
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {
        "cells": [cell | {"source": source} for source in sources],
        "metadata": {"attack": {"applies_to": applies_to}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    path.write_text(json.dumps(notebook), "utf-8")
    return path


def test_attack_is_read_with_its_answers_and_its_own_cells(tmp_path: Path) -> None:
    path = write_attack(
        tmp_path / "patched.ipynb",
        ["otter"],
        "# SETUP\nimport numpy",
        "import os",
        "# EXERCISE ch90.a\na = 1",
        'check("ch90.a")',
    )
    found = read_attack(path)
    assert found == Attack("patched", frozenset({"otter"}), {"ch90.a": "a = 1"}, ("import os",))


def test_what_applies_to_no_other_grader_is_left_out(tmp_path: Path) -> None:
    assert read_attack(write_attack(tmp_path / "wire.ipynb", [], "a = 1")) is None
    (tmp_path / "broken.ipynb").write_text('{"cells": [', "utf-8")
    assert read_attack(tmp_path / "broken.ipynb") is None


def test_attack_takes_the_place_of_the_answer() -> None:
    sources = ["import numpy", "# EXERCISE ch90.a\n...", "assert a == 2"]
    released = new_notebook(cells=[new_code_cell(source) for source in sources])
    handed_in = submission(released, Attack("x", frozenset(), {"ch90.a": "a = 1"}, ("import os",)))
    assert [cell.source for cell in handed_in.cells] == [
        "import numpy",
        "import os",
        "# EXERCISE ch90.a\na = 1",
        "assert a == 2",
    ]


def test_competitors_see_their_course_folder_and_none_of_our_answers(tmp_path: Path) -> None:
    command = confined(Command(("python", "grade.py"), tmp_path, {}, tmp_path / "log.txt"))
    arguments = list(command.arguments)
    assert arguments[-3:] == ["--", "python", "grade.py"]
    assert arguments[arguments.index("--bind") :][:3] == ["--bind", str(tmp_path), str(tmp_path)]
    assert arguments.count("--bind") == 1
    hidden = arguments.index(str(ROOT))
    assert arguments[hidden - 1] == "--tmpfs"
    assert "--unshare-all" in arguments


def test_summary_counts_attacks_that_gained_and_no_control() -> None:
    rows = [
        (attack(RIGHT, honest=True), {"ours": 12.0, "nbgrader": 12.0}),
        (attack("a"), {"ours": 0.0, "nbgrader": 4.0}),
        (attack("b"), {"ours": 0.0, "nbgrader": None}),
        (attack("c"), {"ours": 0.0}),
    ]
    assert summary(rows, ["ours", "nbgrader"]) == [
        "ours: 0 of 3 attacks gained points",
        "nbgrader: 1 of 2 attacks gained points",
    ]


def test_table_tells_no_points_from_no_result() -> None:
    rows = [
        (attack("no_times"), {"ours": 0.0, "nbgrader": None}),
        (attack("b"), {"ours": 2.5, "otter": 300.0}),
    ]
    assert cells(rows, ["ours", "nbgrader", "otter"]) == [
        ["no times", "0", "no result", "–"],
        ["b", "2.5", "–", "300"],
    ]


def test_controls_that_are_graded_wrongly_are_told() -> None:
    target = assignments.target()
    wrong, right = controls(target)
    assert (wrong.name, right.name) == (WRONG, RIGHT)
    good = [(wrong, {"ours": 0.0, "otter": 0.0}), (right, {"ours": 12.0, "otter": 12.0})]
    assert broken_controls(good, 12) == []
    bad = [(wrong, {"ours": 0.0, "otter": 4.0}), (right, {"ours": 12.0, "otter": None})]
    assert len(broken_controls(bad, 12)) == 2
