"""Lays a new chapter out: a lesson of one section, one question and one exercise, to be written over."""

from __future__ import annotations

import re
from pathlib import Path

from grader.course.chapters import ChapterError
from grader.messages import _

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

# @NN@ is the number with two digits, @N@ the number, @TITLE@ the name in words.
PACKAGE = '"""@TITLE@."""\n'

LESSON = """\
# %% [markdown]
# # 第 @N@ 章 表題 — @TITLE@
#
# {{colab_badge}}
#
# **どんな問題か** 何が難しく、だれがいつ解き、いまどこで使われているかを、3 文ほどで書きます。
#
# *Three lines in English: which problem, what is measured, what comes out.*
#
# **この章でできるようになること**
#
# - 平均からのずれを、手とプログラムで計算する
#
# | | |
# |:--|:--|
# | レベルと前提 | ★☆☆ 前提はありません |
# | 読む時間 | 演習を解きながら 1 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2.5 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | この章のプログラムの中の数だけを使います (CC BY 4.0) |
# | 前後の章と用語 | [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=@N@)

# %%
import numpy as np
from keras import ops

from course_utils.claims import claim, claims_table
from course_utils.diagrams import Arrow, Box, draw
from grader import check, hint, score, solution

# %%
boxes = {"values": Box("値", 0, 0, kind="data"), "deviations": Box("平均からのずれ", 2, 0, 1.6)}
draw(boxes, [Arrow("values", "deviations")], title="この章の全体", alt="ch@NN@.chapter")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、
# その場で採点されます。困ったら `hint("ch@NN@.share_above_mean")`、
# 答えは `solution("ch@NN@.share_above_mean")` で見られます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、
# 正しいかどうかは、先を読むと分かります。
#
# ## 1. 値は、平均からどれだけずれるか
#
# ### 問題 1 ずれの和を予想する (1 点)
#
# 1、2、6 の平均は 3 で、ずれは −2、−1、3 です。
# この 3 つの数を 10 倍にすると、ずれの**和**はどうなるでしょうか。
#
# - ア: 変わらない
# - イ: 10 倍になる

# %%
# EXERCISE ch@NN@.predict_sum

# %%
check("ch@NN@.predict_sum")

# %%
values = np.array([1, 2, 6])
deviations = values - values.mean()
print("ずれの和:", deviations.sum(), " 10 倍にしたとき:", (10 * values - (10 * values).mean()).sum())
claim("ch@NN@.sum_of_squares", int(ops.sum(ops.square(deviations))))

# %% [markdown]
# ずれの和は、いつも 0 です。2 乗すると打ち消し合わず、遠い値ほど大きく数えられます。
#
# ### 問題 2 平均より大きい値の割合 (1 点)
#
# ★ 配列 `values` のうち、平均より大きい値の割合を返す関数 `share_above_mean(values)` を書きましょう。
# 平均に等しい値は数えません。
# たとえば 1、2、3、6 の平均は 3 で、それより大きいのは 6 だけなので、結果は 0.25 です。

# %%
# EXERCISE ch@NN@.share_above_mean

# %%
check("ch@NN@.share_above_mean")

# %% [markdown]
# ## 2. まとめ
#
# 1. 覚えてほしいことを、5 文までで書きます。
#
# **早見表** 式を 1 つ、コードを 4 行、よく使う値を、ここに書きます。

# %%
claims_table()

# %%
score()
print(course.cost())

# %% [markdown]
# ## もっと調べる
#
# 5 つのシードの表や、`full` プロファイルのことを書きます。
#
# ## 参考文献
#
# - 著者、題名、発表された場所と年
"""

CLAIMS = """\
["ch@NN@.sum_of_squares"]
statement = "1、2、6 の平均からのずれの 2 乗の和は 14"
source = "手計算"
value = 14

[figures]
"ch@NN@.chapter" = "値から、平均からのずれへ矢印が向かう図。"
"""

REPORT = """\
title = "@TITLE@"
about = "この講座の「レポート」が何で、この章がそのどの節を扱うかを、1 文で書きます。"
beyond = ["ch@NN@.predict_sum"]

[[statement]]
says = "値の散らばりは、平均からのずれの 2 乗で測れます。"
section = "値は、平均からどれだけずれるか"
claims = "ch@NN@.sum_of_squares"
exercises = "ch@NN@.share_above_mean"
"""

EXERCISES = '''\
"""Chapter @N@: the exercises that the learner sees."""

from __future__ import annotations

import numpy as np

from grader.compare import expect_close
from grader.exercise import Answer, Exercise, question

COUNTS = "個数を返しています。全体の個数で割りましょう。"
INCLUDES_EQUAL = "平均に等しい値も数えています。"


def check_share_above_mean(answer: Answer) -> None:
    expect_close(
        answer.call("share_above_mean", np.array([1.0, 2.0, 3.0, 6.0])),
        0.25,
        "share_above_mean([1, 2, 3, 6])",
        known={COUNTS: 1, INCLUDES_EQUAL: 0.5},
    )


EXERCISES = [
    question(
        id="ch@NN@.predict_sum",
        title="ずれの和を予想する",
        options={"ア": "変わらない", "イ": "10 倍になる"},
    ),
    Exercise(
        id="ch@NN@.share_above_mean",
        title="平均より大きい値の割合",
        points=1,
        symbols=("share_above_mean",),
        template=\'\'\'def share_above_mean(values):
    """平均より大きい値の割合を返します。"""
    raise NotImplementedError("ここを書きましょう")
\'\'\',
        check=check_share_above_mean,
        hints=(
            "まず `values.mean()` と比べて、大きければ True の配列を作ります。",
            "True は 1、False は 0 と数えられるので、その配列の平均が割合です。",
        ),
    ),
]
'''

ANSWERS = '''\
"""Chapter @N@: the answers, and what the learner does not see of the checks."""

from __future__ import annotations

import numpy as np

from grader.compare import expect_close
from grader.exercise import Answer, Key, Mistake, chosen

HEAD = "def share_above_mean(values):\\n    return "


def hidden_share_above_mean(answer: Answer) -> None:
    values = answer.rng.normal(5, 2, 15)
    right = np.mean(values > values.mean())
    expect_close(answer.call("share_above_mean", values), right, "別の値での share_above_mean")


ANSWERS = {
    "ch@NN@.predict_sum": chosen(
        "ア",
        explanation="平均も 10 倍になるので、正と負のずれが打ち消し合うのは同じです。",
        wrong={"イ": "0 は、10 倍にしても 0 です。"},
    ),
    "ch@NN@.share_above_mean": Key(
        reference=HEAD + "(values > values.mean()).mean()\\n",
        explanation="比べた結果の平均が、True の割合です。",
        alternatives={"sums": HEAD + "sum(value > values.mean() for value in values) / len(values)\\n"},
        mistakes={
            "counts": Mistake(HEAD + "(values > values.mean()).sum()\\n", "個数"),
            "includes equal": Mistake(HEAD + "(values >= values.mean()).mean()\\n", "等しい値"),
        },
        hidden=hidden_share_above_mean,
    ),
}
'''

FILES = {
    "chapters/@CHAPTER@/__init__.py": PACKAGE,
    "chapters/@CHAPTER@/lesson.py": LESSON,
    "chapters/@CHAPTER@/claims.toml": CLAIMS,
    "chapters/@CHAPTER@/report.toml": REPORT,
    "chapters/@CHAPTER@/exercises.py": EXERCISES,
    "chapters/@CHAPTER@/answers.py": ANSWERS,
    "tests/chapters/@CHAPTER@/__init__.py": "",
}


def lay_out(root: Path, number: str, name: str) -> Path:
    """Writes the files of a new chapter.

    Args:
        root: Root of the course.
        number: Number of the chapter, 1 to 99.
        name: Its name: small letters, digits and underscores.

    Returns:
        The chapter's folder.

    Raises:
        ChapterError: If number or name will not do, or something of that number is there; nothing is written.
    """
    if not re.fullmatch(r"0?[1-9]|[1-9][0-9]", number, re.ASCII) or not NAME.fullmatch(name):
        told = _(
            "A chapter has a number from 1 to 99 and a name of small letters, digits and underscores, "
            "as in: grader new-chapter 24 image_captions. Given: {number} {name}."
        )
        raise ChapterError(told.format(number=number, name=name))
    digits = f"{int(number):02d}"
    taken = [
        *(root / "chapters").glob(f"ch{digits}_*"),
        *(root / "tests" / "chapters").glob(f"ch{digits}_*"),
        *(root / "notebooks").glob(f"{digits}_*"),
    ]
    if taken:
        raise ChapterError(_("{path} is there already: choose another number.").format(path=taken[0]))
    chapter = f"ch{digits}_{name}"
    words = {
        "@CHAPTER@": chapter,
        "@NN@": digits,
        "@N@": str(int(number)),
        "@TITLE@": name.replace("_", " ").capitalize(),
    }
    for place, text in FILES.items():
        path = root / _filled(place, words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(text, words), "utf-8")
    return root / "chapters" / chapter


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
