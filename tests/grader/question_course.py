"""A course of one tiny chapter that asks two questions, beside one exercise that code answers."""

from __future__ import annotations

from pathlib import Path

from grader.course.chapters import Chapter
from tests.grader.toy_course import ANSWERS as CODE_ANSWERS
from tests.grader.toy_course import EXERCISES as CODE_EXERCISES
from tests.grader.toy_course import LESSON as CODE_LESSON
from tests.grader.toy_course import write_course

DEPTH, SHARE = "ch01.predict_depth", "ch01.predict_share"
TOO_FEW, SAME = "5 層では足りません。", "差が出ます。"
LOW, HIGH = "もっと多くあります。", "そんなにはありません。"
OPTIONS = {"ア": "5 層", "イ": "10 層", "ウ": "どちらも同じ"}

LESSON = f"""{CODE_LESSON}
# %% [markdown]
# ### 問題 3 深さ (1 点)
# どちらがよくなるでしょうか。ア: 5 層、イ: 10 層、ウ: どちらも同じ

# %%
# EXERCISE {DEPTH}

# %%
check("{DEPTH}")

# %%
# EXERCISE {SHARE}

# %%
check("{SHARE}")
"""

QUESTIONS = f"""
from grader.exercise import number_question, question

EXERCISES += [
    question(id="{DEPTH}", title="深さ", options={OPTIONS}),
    number_question(id="{SHARE}", title="割合", unit="%", low=0, high=100),
]
"""

CHOSEN = f"""chosen("イ", explanation="深いほうがよいからです。", wrong={ {"ア": TOO_FEW, "ウ": SAME} })"""
ESTIMATED = f'estimated(12.5, within=3.0, explanation="八分の一です。", low="{LOW}", high="{HIGH}")'
KEYS = f"""
from grader.exercise import chosen, estimated

ANSWERS |= {{
    "{DEPTH}": {CHOSEN},
    "{SHARE}": {ESTIMATED},
}}
"""

RIGHT = {DEPTH: 'predict_depth = "イ"', SHARE: "predict_share = 12.5"}


def write_question_course(root: Path, questions: str = QUESTIONS, keys: str = KEYS) -> Chapter:
    """Writes the toy course with two questions below ``root``; both parts of them may be replaced."""
    return write_course(
        root, lesson=LESSON, exercises=CODE_EXERCISES + questions, answers=CODE_ANSWERS + keys
    )
