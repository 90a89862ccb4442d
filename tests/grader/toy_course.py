"""A course of one tiny chapter, without TensorFlow, written into a test's own folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grader.course.chapters import Chapter, load_chapter

LESSON = """\
# %% [markdown]
# # 数のおけいこ
# {{colab_badge}}

# %%
# SETUP
import sys

import numpy as np

from grader import check, hint, solution

if "google.colab" in sys.modules:
    # %pip install -q "git+{{repository}}"
    pass

# %%
from math import tau

SCALE = 2.0


def stretch(x):
    return SCALE * x


print(stretch(3.0))

# %%
trained = sum(range(10))
print("training", trained)

# %%
# EXERCISE ch01.double

# %%
check("ch01.double")

# %%
# EXERCISE ch01.area_and_name

# %%
check("ch01.area_and_name")
"""

EXERCISES = """\
from grader.compare import expect_close, expect_equal
from grader.exercise import Exercise


def check_double(answer):
    x = answer.rng.normal(size=3)
    y = answer.call("double", x)
    expect_close(y, 2 * x, "double(x)", known={"3 倍になっています。": 3 * x, "2 を足しています。": x + 2})


def check_area_and_name(answer):
    known = {"2 乗を忘れています。": 6.283185307}
    expect_close(answer.call("area", 2.0), 12.566370614, "area(2)", known=known)
    expect_equal(answer.value("shape_name"), "circle", "shape_name")


EXERCISES = [
    Exercise(
        id="ch01.double",
        title="2 倍にする",
        points=3,
        symbols=("double",),
        template="def double(x):\\n    raise NotImplementedError\\n",
        check=check_double,
        hints=("かけ算です。", "2 をかけます。"),
    ),
    Exercise(
        id="ch01.area_and_name",
        title="円の面積と名前",
        points=4,
        symbols=("area", "shape_name"),
        template="def area(radius):\\n    raise NotImplementedError\\n\\n\\nshape_name = None\\n",
        check=check_area_and_name,
    ),
]
"""

ANSWERS = """\
from grader.compare import expect_close
from grader.exercise import Key, Mistake

NAME = "shape_name = 'circle'\\n\\n\\n"


def hidden_double(answer):
    expect_close(answer.call("double", 0.375), 0.75, "double(0.375)")


ANSWERS = {
    "ch01.double": Key(
        reference="def double(x):\\n    return 2 * x\\n",
        explanation="2 をかけるだけです。",
        alternatives={"adds": "def double(x):\\n    return x + x\\n"},
        mistakes={
            "triples": Mistake("def double(x):\\n    return 3 * x\\n", "3 倍"),
            "adds two": Mistake("def double(x):\\n    return x + 2\\n", "2 を足して"),
        },
        hidden=hidden_double,
        may_be_pasted="the lesson stretches",
    ),
    "ch01.area_and_name": Key(
        reference=NAME + "def area(radius):\\n    return np.pi * double(radius) * radius / 2",
        mistakes={"no square": Mistake(NAME + "def area(radius):\\n    return np.pi * radius", "2 乗")},
    ),
}
"""

PROJECT = '[project]\nname = "toy"\n\n[project.urls]\nRepository = "https://github.com/OWNER/REPO"\n'

DOUBLE = "def double(x):\n    return 2 * x"
AREA = "def area(radius):\n    return np.pi * radius**2\n\n\nshape_name = 'circle'"


def write_course(root: Path, name: str = "ch01_numbers", **files: str) -> Chapter:
    """Writes the toy course below ``root``; ``lesson``, ``exercises`` and ``answers`` may be replaced."""
    folder = root / "chapters" / name
    folder.mkdir(parents=True)
    contents = {"lesson": LESSON, "exercises": EXERCISES, "answers": ANSWERS} | files
    for part, content in contents.items():
        (folder / f"{part}.py").write_text(content, "utf-8")
    (folder / "__init__.py").write_text("")
    (root / "chapters" / "__init__.py").write_text("")
    (root / "notebooks").mkdir()
    (root / "pyproject.toml").write_text(PROJECT)
    return load_chapter(name, root)


def write_notebook(path: Path, sources: list[str], **extra: Any) -> Path:
    """Writes a notebook of code cells as a bare editor would."""
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for source in sources
    ]
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4} | extra), "utf-8"
    )
    return path
