"""The attack corpus: notebooks, each one attack, with what it does and what must become of it.

A notebook says in its metadata, under ``attack``:

- ``kind``: what family it belongs to; :data:`KINDS` lists those that must be there.
- ``what``: the attack in one sentence.
- ``expect``: by exercise attacked, the statuses allowed. None is a pass.
- ``applies_to``: the graders (``nbgrader``, ``otter``) that run a learner's code and the tests in one kernel,
  and from which the same code may win points.
- ``runs``: how often it is to be graded in a row; twice where it looks for what an earlier run has left.

What cannot be a file of a repository (a pipe, a link, a hundred megabytes) is made on the spot.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.exercise import Exercise

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "corpus"
TARGET = FOLDER / "target"

KINDS = (
    "patched asserts",
    "patched NumPy",
    "patched Keras",
    "objects that equal everything",
    "subclassed arrays",
    "input transformers",
    "showtraceback",
    "atexit",
    "frame walking",
    "gc and memory search",
    "reading answers and hidden tests from disk",
    "reading the environment",
    "reading /proc",
    "forging the reply channel",
    "writing to the result folder",
    "outliving the process",
    "reaching another submission",
    "reaching the shared parent",
    "signals",
    "ptrace",
    "os._exit",
    "segfault",
    "infinite loop",
    "uninterruptible loop in C",
    "fork bomb",
    "memory",
    "disk",
    "file-descriptor flood",
    "output flood",
    "network by socket",
    "DNS",
    "symlinks",
    "huge notebook",
    "hostile notebook",
    "marker forgery",
    "marker duplicates",
    "detecting the grader",
    "precomputed answers for visible inputs",
    "leaking hidden inputs",
    "lying models",
    "privileges and namespaces",
    "tracing and import hooks",
)


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        name: Its name.
        kind: Its family.
        what: What it does, in one sentence.
        expect: Statuses allowed, by id of the exercises attacked; empty where the file must be turned away.
            One that was made on the spot may be turned away in any case.
        applies_to: Graders that judge in the learner's kernel, and against which it may win points.
        runs: How often it is to be graded in a row.
        make: Makes the file in an empty folder and returns it; ``None`` for a notebook of the corpus.
    """

    name: str
    kind: str
    what: str
    expect: Mapping[str, tuple[str, ...]]
    applies_to: tuple[str, ...] = ()
    runs: int = 1
    make: Callable[[Path], Path] | None = None

    def file(self, folder: Path) -> Path:
        """Returns the submitted file.

        Args:
            folder: An empty folder, for one that is made on the spot.
        """
        return self.make(folder) if self.make else CORPUS / f"{self.name}.ipynb"


def load_corpus() -> list[Attack]:
    """Reads the notebooks of the corpus, by name."""
    return [_read(path) for path in sorted(CORPUS.glob("*.ipynb"))]


def _read(path: Path) -> Attack:
    said = json.loads(path.read_text("utf-8"))["metadata"]["attack"]
    expect = {exercise: tuple(statuses) for exercise, statuses in said["expect"].items()}
    applies_to, runs = tuple(said["applies_to"]), said.get("runs", 1)
    return Attack(path.stem, said["kind"], said["what"], expect, applies_to, runs)


def load_portable() -> dict[str, str]:
    """Reads the attacks of the corpus that may be turned on any exercise, by name.

    Left out are those of several cells or exercises, and those that only wait: each would cost an exercise's
    whole time.

    Returns:
        The code of each, as it answers its exercise of the target.
    """
    found = {}
    for attack in load_corpus():
        if len(attack.expect) == 1 and not any(
            "time limit" in statuses for statuses in attack.expect.values()
        ):
            cells = json.loads((CORPUS / f"{attack.name}.ipynb").read_text("utf-8"))["cells"]
            if isinstance(cells, list) and len(cells) == 1 and cells[0]["cell_type"] == "code":
                found[attack.name] = "".join(cells[0]["source"])
    return found


def turned_on(exercise: Exercise, code: str) -> str:
    """Returns an attack on the target as an answer to another exercise.

    What it gives or does when it is called, it gives or does whatever it is called with: it gets as many of
    the arguments as it takes, arrays first where it takes an array.

    Args:
        exercise: The exercise to attack.
        code: The code of the attack, as :func:`load_portable` returns it.
    """
    attacked = re.search(r"^# EXERCISE ch90\.(\w+)", code, re.MULTILINE)
    assert attacked is not None
    return f"{code}\n{_TURNED[attacked[1]]}\n" + "\n".join(f"{name} = _turned" for name in exercise.symbols)


_TURNED = {
    "standardise": """
def _turned(*args, **kwargs):
    import numpy
    arrays = [each for each in [*args, *kwargs.values()] if isinstance(each, numpy.ndarray)]
    return standardise(arrays[0] if arrays else numpy.ones((3, 2)))
""",
    "collatz_steps": """
def _turned(*args, **kwargs):
    return collatz_steps(next(iter([*args, *kwargs.values()]), 27))
""",
    "build_head": """
def _turned(*args, **kwargs):
    numbers = [each for each in [*args, *kwargs.values()] if isinstance(each, int)]
    return build_head(*([*numbers, 4, 2][:2]))
""",
}


def notebook(*sources: str) -> str:
    """Returns a notebook of code cells as text."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for source in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def write(path: Path, text: str) -> Path:
    """Writes a text and returns the file."""
    path.write_text(text, "utf-8")
    return path


RIGHT_ANSWER = """# EXERCISE ch90.collatz_steps
def collatz_steps(n):
    return 0 if n == 1 else 1 + collatz_steps(3 * n + 1 if n % 2 else n // 2)
"""


def _hundred_megabytes(folder: Path) -> Path:
    path = write(folder / "submission.ipynb", notebook(RIGHT_ANSWER))
    os.truncate(path, 10**8)
    return path


def _giant_cell(folder: Path) -> Path:
    return write(folder / "submission.ipynb", notebook(RIGHT_ANSWER, "x = 1\n" * 500_000))


def _millions_of_cells(folder: Path) -> Path:
    return write(folder / "submission.ipynb", '{"cells": [' + "[]," * 3_000_000 + "[]]}")


def _thousands_of_markers(folder: Path) -> Path:
    lines = [
        f"# EXERCISE ch90.{name}\n{name} = {number}\n"
        for number in range(3000)
        for name in ("collatz_steps", "standardise")
    ]
    return write(folder / "submission.ipynb", notebook("".join(lines)))


def _thousands_of_answers(folder: Path) -> Path:
    cell = "# EXERCISE ch90.collatz_steps\n# EXERCISE ch90.standardise\ncollatz_steps = standardise = 1\n"
    return write(folder / "submission.ipynb", notebook(*[cell] * 500))


def _chain_of_helpers(folder: Path) -> Path:
    answer = "# EXERCISE ch90.collatz_steps\ncollatz_steps = helper_0\n"
    helpers = [f"helper_{number} = lambda n: helper_{number + 1}(n)" for number in range(12_000)]
    return write(folder / "submission.ipynb", notebook(answer, *helpers))


def _thousands_of_calls(folder: Path) -> Path:
    cell = "# EXERCISE ch90.collatz_steps\ncollatz_steps = 1\n" + "check()\n" * 20_000
    return write(folder / "submission.ipynb", notebook(cell))


def _deep_nesting(folder: Path) -> Path:
    return write(folder / "submission.ipynb", '{"cells": ' + "[" * 100_000 + "]" * 100_000 + "}")


def _giant_number(folder: Path) -> Path:
    text = notebook(RIGHT_ANSWER).replace('"nbformat": 4', '"nbformat": ' + "9" * 10_000)
    return write(folder / "submission.ipynb", text)


def _cut_off(folder: Path) -> Path:
    return write(folder / "submission.ipynb", notebook(RIGHT_ANSWER)[:-20])


def _compressed(folder: Path) -> Path:
    path = folder / "submission.ipynb"
    path.write_bytes(gzip.compress(notebook(RIGHT_ANSWER).encode() + b" " * 10**7))
    return path


def _other_submission(folder: Path) -> Path:
    other = write(folder / "somebody_else.ipynb", notebook(RIGHT_ANSWER))
    path = folder / "submission.ipynb"
    path.symlink_to(other)
    return path


def _link_to(target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "submission.ipynb"
        path.symlink_to(target)
        return path

    return make


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "submission.ipynb")
    return folder / "submission.ipynb"


def _folder(folder: Path) -> Path:
    (folder / "submission.ipynb").mkdir()
    write(folder / "submission.ipynb" / "submission.ipynb", notebook(RIGHT_ANSWER))
    return folder / "submission.ipynb"


def _socket(folder: Path) -> Path:
    before = Path.cwd()
    os.chdir(folder)  # a socket's path has about a hundred characters at the most
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("submission.ipynb")
    finally:
        os.chdir(before)
    return folder / "submission.ipynb"


def _made(
    name: str,
    kind: str,
    what: str,
    make: Callable[[Path], Path],
    expect: Mapping[str, tuple[str, ...]] | None = None,
) -> Attack:
    return Attack(name, kind, what, expect or {}, make=make)


ANSWERS = TARGET / "chapters" / "ch90_target" / "answers.py"
MADE_ON_THE_SPOT = [
    _made("hundred_megabytes", "huge notebook", "Has a hundred megabytes.", _hundred_megabytes),
    _made("giant_cell", "huge notebook", "Holds a cell of three million characters.", _giant_cell),
    _made(
        "millions_of_cells", "huge notebook", "Holds three million cells that are none.", _millions_of_cells
    ),
    _made(
        "thousands_of_markers",
        "marker duplicates",
        "Answers two exercises three thousand times over in one cell.",
        _thousands_of_markers,
        {"ch90.standardise": ("raised",), "ch90.collatz_steps": ("raised",)},
    ),
    _made(
        "thousands_of_answers",
        "marker duplicates",
        "Answers two exercises five hundred times over, under both markers each time.",
        _thousands_of_answers,
        {"ch90.standardise": ("raised",), "ch90.collatz_steps": ("raised",)},
    ),
    _made(
        "chain_of_helpers",
        "huge notebook",
        "Answers with a function that needs the next cell, which needs the next, twelve thousand times.",
        _chain_of_helpers,
        {"ch90.collatz_steps": ("raised", "time limit")},
    ),
    _made(
        "thousands_of_calls",
        "huge notebook",
        "Calls what the reader takes out of a cell twenty thousand times.",
        _thousands_of_calls,
        {"ch90.collatz_steps": ("raised", "refused")},
    ),
    _made("deep_nesting", "hostile notebook", "Nests a hundred thousand lists.", _deep_nesting),
    _made("giant_number", "hostile notebook", "Holds a number of ten thousand digits.", _giant_number),
    _made("cut_off", "hostile notebook", "Ends in the middle.", _cut_off),
    _made("compressed", "hostile notebook", "Is compressed and much larger than it looks.", _compressed),
    _made("link_to_another_submission", "symlinks", "Is a link to a right answer.", _other_submission),
    _made("link_to_the_answers", "symlinks", "Is a link to the right answers.", _link_to(str(ANSWERS))),
    _made("link_to_a_device", "symlinks", "Is a link to a file without an end.", _link_to("/dev/zero")),
    _made("link_to_itself", "symlinks", "Is a link to itself.", _link_to("submission.ipynb")),
    _made("link_to_a_process", "symlinks", "Is a link to the reader's memory.", _link_to("/proc/self/mem")),
    _made("pipe", "hostile notebook", "Is a pipe that nobody writes to.", _pipe),
    _made("folder_named_like_a_notebook", "hostile notebook", "Is a folder.", _folder),
    _made("socket_named_like_a_notebook", "hostile notebook", "Is a socket.", _socket),
]
