"""Answers that are alike: disguised copies are found, and who thought alone is not."""

from collections.abc import Mapping

import pytest

from grader.reports.similarity import GRAM, WINDOW, Alike, find_alike, tokens_of, winnowed

SOLVED = """\
import numpy as np

def fit(x, y, penalty):
    # a ridge
    rows, columns = x.shape
    wide = np.vstack([x, np.sqrt(penalty) * np.eye(columns)])
    target = np.concatenate([y, np.zeros(columns)])
    solution, *rest = np.linalg.lstsq(wide, target, rcond=None)
    residual = y - x @ solution
    return solution, float(residual @ residual) / rows
"""
RENAMED = """\
import numpy as np

def fit(features, wanted, penalty):
    '''my own work'''
    n, k = features.shape  # how many
    stacked = np.vstack([features,
                         np.sqrt(penalty) * np.eye(k)])
    goal = np.concatenate([wanted, np.zeros(k)])

    weights, *_ = np.linalg.lstsq(stacked, goal, rcond=None)
    error = wanted - features @ weights
    return weights, float(error @ error) / n
"""
REORDERED = """\
import numpy as np

def fit(x, y, penalty):
    target = np.concatenate([y, np.zeros(x.shape[1])])
    rows, columns = x.shape
    wide = np.vstack([x, np.sqrt(penalty) * np.eye(columns)])
    solution, *rest = np.linalg.lstsq(wide, target, rcond=None)
    residual = y - x @ solution
    return solution, float(residual @ residual) / rows
"""
ALONE = """\
import numpy as np

def fit(x, y, penalty):
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] += penalty
    solution = np.linalg.solve(gram, x.T @ y)
    return solution, np.mean((x.dot(solution) - y) ** 2)
"""
TEMPLATE = "import numpy as np\n\ndef fit(x, y, penalty):\n    raise NotImplementedError\n"


def pairs(answers: Mapping[str, str], *known: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(each.first, each.second) for each in find_alike(answers, [TEMPLATE, *known])]


@pytest.mark.parametrize("copy", [RENAMED, REORDERED], ids=["renamed and commented", "reordered"])
def test_a_disguised_copy_is_found_and_who_thought_alone_is_not(copy: str) -> None:
    assert pairs({"a": SOLVED, "b": copy, "c": ALONE}) == [(("a",), ("b",))]


def test_the_same_code_is_found_once() -> None:
    (found,) = find_alike({"b": SOLVED, "c": ALONE, "a": SOLVED}, [TEMPLATE])

    assert (found.first, found.second, found.share) == (("a", "b"), (), 1.0)
    assert found.second_code == ()


def test_what_the_course_gives_away_is_no_evidence() -> None:
    assert not pairs({"a": SOLVED, "b": RENAMED, "c": ALONE}, SOLVED)


def test_what_many_have_is_no_evidence() -> None:
    common = {f"learner {number}": f"{RENAMED}# {number}" for number in range(9)}

    assert pairs(dict(list(common.items())[:8]))
    assert not pairs(common)


def test_short_answers_are_never_alike() -> None:
    assert not pairs({"a": "def fit(x):\n    return x.T @ x + 1", "b": "def fit(z):\n    return z.T @ z + 1"})


def test_shared_passages_are_marked_where_they_stand() -> None:
    def shared(found: Alike) -> str:
        return "".join(text for text, marked in found.first_code if marked)

    (found,) = find_alike({"a": SOLVED + "\nprint('残り')\n", "b": RENAMED}, [TEMPLATE])

    assert "".join(text for text, _ in found.first_code) == SOLVED + "\nprint('残り')\n"
    assert "".join(text for text, _ in found.second_code) == RENAMED
    assert "np.vstack" in shared(found)
    assert "残り" not in shared(found)
    assert "import numpy" not in shared(found)


def test_every_long_enough_passage_is_found_wherever_it_stands() -> None:
    passage = " ".join(f"p.q{number}" for number in range(GRAM + WINDOW))
    before, after = (" ".join(f"{name}.r{number}" for number in range(25)) for name in ("x", "y"))

    prints = [winnowed(tokens_of(text)) for text in (passage, f"{before} {passage}", f"{passage} {after}")]

    assert prints[0].keys() & prints[1].keys()
    assert prints[0].keys() & prints[2].keys()


@pytest.mark.parametrize("code", ["", "def f(:\n  (", "\0\x0c\r\n\t'", "é = 'x\ny", "  a\n b\n    c"])
def test_any_text_can_be_compared(code: str) -> None:
    assert find_alike({"a": code, "b": code, "c": code + " "}, [code]) == []


def test_names_texts_and_comments_do_not_count_but_attributes_and_numbers_do() -> None:
    def texts(code: str) -> list[str]:
        return [token.text for token in tokens_of(code)]

    assert texts("a = len(b)  # c") == texts("x=len( y )")
    assert texts("f('a')") == texts('g("b")')
    assert texts("np.sum(a)") != texts("np.max(a)")
    assert texts("a + 1") != texts("a + 2")
