import pytest

from grader.authoring.mutants import mutants, mutants_of

INSIDE = "def f(x, y, n=3, *, training=False):\n    {}\n"


def made_of(line: str) -> set[str]:
    """What becomes of one line of a function, in one line each."""
    return {mutant.after for mutant in mutants(INSIDE.format(line))}


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("return x < y", {"return x <= y", "return x >= y", "return 0 < y", "return x < 1"}),
        ("return x >= y", {"return x > y"}),
        ("return x == y", {"return x != y"}),
        ("return y + x", {"return y - x"}),
        ("return y * x", {"return y / x", "return y + x"}),
        ("return -g(x)", {"return g(x)", "return -x"}),
        ("return not x", {"return  x"}),
        ("return 2 * x", {"return 3 * x", "return 1 * x"}),
        ("return 0.5 * x", {"return 1.0 * x", "return 1.5 * x"}),
        ("return 10000 * x", {"return 20000 * x"}),
        ("return x if True else y", {"return x if False else y", "return x if not True else y"}),
        ("return x and y", {"return x or y"}),
        (
            "return x.sum(axis=1)",
            {"return x.sum(axis=2)", "return x.sum(axis=0)", "return x.sum()", "return x"},
        ),
        ("return x.sum(axis=(0, 2))", {"return x.sum(axis=0)", "return x.sum(axis=2)"}),
        ("return g(x, y)", {"return g(y, x)", "return x"}),
        ("return g(x + 1) * 2", {"return (x + 1) * 2"}),
        ("return max(x, n)", {"return max(x, 3)"}),
        ("return x.astype('float64')", {"return x.astype('int32')"}),
        ("return np.zeros(2, np.int64)", {"return np.zeros(2, np.float32)"}),
        ("return g(x, training=training)", {"return g(x, training=True)", "return g(x, training=False)"}),
        ("return x[:n]", {"return x[:n + 1]", "return x[:n - 1]", "return x[:]", "return x[:1]"}),
        ("return [*range(n)]", {"return [*range(n + 1)]", "return [*range(n - 1)]"}),
        ("return x, y", {"return (y, x)"}),
        ("x += y", {"x -= y", "x = y", "pass"}),
        ("x.trainable = True", {"x.trainable = False", "pass"}),
    ],
)
def test_every_operator_makes_the_change_that_it_says(line: str, changes: set[str]) -> None:
    assert changes <= made_of(line)


def test_loops_are_ended_early_late_and_never_begun() -> None:
    code = "for i in range(3):\n    if i:\n        continue\n    break\n"
    made = {mutant.code for mutant in mutants(code)}
    assert code.replace("continue", "break") in made
    assert code.replace("    break", "    continue") in made
    assert code.replace("range(3)", " []").replace("  []", " []") in made


@pytest.mark.parametrize("line", ["return max(x, y)", "return float(x)[0]"])
def test_changes_that_change_nothing_are_not_made(line: str) -> None:
    assert not made_of(line) & {"return max(y, x)", "return x[0]", "return float(x)[-1]"}


def test_text_before_a_change_may_be_japanese() -> None:
    made = [mutant.code for mutant in mutants("shape = {'円': abs(-2)}  # 円\n")]
    assert "shape = {'円': (-2)}  # 円\n" in made


def test_docstrings_and_error_messages_are_no_change() -> None:
    code = 'def f():\n    """One."""\n    raise ValueError(f"more than {2 + 2}")\n'
    assert mutants(code) == []


def test_mutants_are_python_and_no_two_do_the_same() -> None:
    made = mutants(INSIDE.format("return g((x), *y) + (1 if n else 2)"))
    assert len({mutant.code for mutant in made}) == len(made)
    for mutant in made:
        compile(mutant.code, "mutant", "exec")


def test_change_that_answers_share_is_made_once() -> None:
    one = INSIDE.format("return 2 * x")
    other = "import math\n\n" + one
    assert mutants_of([one, other]) == mutants_of([one])
    both = mutants_of([one, INSIDE.format("return x + x")])
    assert [mutant.after for mutant in both].count("def f(x, y, n=4, *, training=False):") == 1
    assert {"return 2 / x", "return x - x"} <= {mutant.after for mutant in both}
    assert "return 2 * x  →  return 2 / x" in map(str, both)
