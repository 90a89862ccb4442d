import ast
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from grader import messages
from grader.course.chapters import Chapter, load_chapter
from grader.records import environment
from grader.records.environment import checks_digest, environment_of
from grader.sandbox.container import COURSE
from grader.sandbox.limits import Isolation, Limits
from tests.grader.engine_course import keras_chapter
from tests.grader.question_course import DEPTH, KEYS, QUESTIONS, TOO_FEW, write_question_course

HEAD = "from functools import partial\nfrom grader.compare import expect_equal\n"
EXERCISES = (
    HEAD
    + """
from grader.exercise import Exercise

FACTOR = 2
WORDS = {}
WORDS["right"] = "double(x)"


def by_factor(x):
    return FACTOR * x


def expected(x):
    return by_factor(x)


def check_double(answer):
    # A comment.
    expect_equal(answer.call("double", 3), expected(3), WORDS["right"])


def check_triple(answer):
    expect_equal(answer.call("triple", 3), 9, "triple(3)")


def exercise(name, check, points=2):
    return Exercise(
        id=f"ch96.{name}", title=name, points=points, symbols=(name,), template="", check=check,
        hints=("first hint", "second hint"), time_limit=20.0,
    )


EXERCISES = [exercise("double", check_double), exercise("triple", check_triple)]
"""
)
ANSWERS = (
    HEAD
    + """
from grader.exercise import Key, Mistake


def hidden_double(answer):
    expect_equal(answer.call("double", 7), 14, "double(7)")


ANSWERS = {
    "ch96.double": Key(
        reference="def double(x): return 2 * x",
        explanation="Twice.",
        alternatives={"adds": "def double(x): return x + x"},
        mistakes={"adds one": Mistake("def double(x): return x + 1", "one")},
        hidden=hidden_double,
    ),
    "ch96.triple": Key(reference="def triple(x): return 3 * x"),
}
"""
)
PROBES = "def count(x):\n    return 1\n"
DOUBLE, TRIPLE = "ch96.double", "ch96.triple"

Edit = Callable[[str, str, str], Chapter]


@pytest.fixture
def course(tmp_path: Path) -> Callable[..., Chapter]:
    """Writes the course anew, each time into a folder of its own, as another process would load it."""
    roots = itertools.count()

    def write(exercises: str = EXERCISES, answers: str = ANSWERS, probes: str = PROBES) -> Chapter:
        root = tmp_path / str(next(roots))
        folder = root / "chapters" / "ch96_digest"
        folder.mkdir(parents=True)
        for name, text in {"exercises": exercises, "answers": answers, "probes": probes}.items():
            (folder / f"{name}.py").write_text(text, "utf-8")
        return load_chapter(96, root)

    return write


@pytest.fixture
def edit(course: Callable[..., Chapter]) -> Edit:
    """Writes the course with one text replaced in one file."""
    texts = {"exercises": EXERCISES, "answers": ANSWERS, "probes": PROBES}

    def write(file: str, before: str, after: str) -> Chapter:
        assert before in texts[file]
        return course(**{file: texts[file].replace(before, after)})

    return write


@pytest.fixture(autouse=True)
def _english() -> None:
    messages.set_language("en")


CHANGES = {
    "check": ("exercises", 'answer.call("double", 3)', 'answer.call("double", 4)'),
    "helper": ("exercises", "return by_factor(x)", "return by_factor(x) + 0"),
    "helper of the helper": ("exercises", "return FACTOR * x", "return x * FACTOR"),
    "constant": ("exercises", "FACTOR = 2", "FACTOR = 3"),
    "constant changed in place": ("exercises", 'WORDS["right"] = "double(x)"', 'WORDS["right"] = "twice"'),
    "import": ("exercises", "compare import expect_equal", "compare import expect_close as expect_equal"),
    "points": ("exercises", "points=2", "points=3"),
    "time limit": ("exercises", "time_limit=20.0", "time_limit=30.0"),
    "title": ("exercises", "title=name", "title=name.upper()"),
    "first hint": ("exercises", "first hint", "other hint"),
    "hidden check": ("answers", 'answer.call("double", 7), 14', 'answer.call("double", 8), 16'),
    "no hidden check": ("answers", "hidden=hidden_double,", ""),
    "name of a mistake": ("answers", '"adds one": ', '"adds 1": '),
    "reason of a mistake": ("answers", ', "one")', ', "1")'),
    "probes": ("probes", "return 1", "return 2"),
}
SAME = {
    "check of another exercise": ("exercises", 'answer.call("triple", 3), 9', 'answer.call("triple", 4), 12'),
    "comment": ("exercises", "# A comment.", "# Another comment.\n\n"),
    "later hint": ("exercises", "second hint", "other hint"),
    "reference": ("answers", "return 2 * x", "return x * 2"),
    "explanation": ("answers", "Twice.", "Two times."),
    "alternative": ("answers", "return x + x", "return sum((x, x))"),
    "code of a mistake": ("answers", "return x + 1", "return 1 + x"),
}


def test_digest_is_the_same_in_another_copy(course: Callable[..., Chapter]) -> None:
    one, other = course(), course()
    assert checks_digest(one, DOUBLE) == checks_digest(other, DOUBLE)
    assert checks_digest(one, DOUBLE) != checks_digest(one, TRIPLE)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_digest_changes_with_what_judges(
    course: Callable[..., Chapter], edit: Edit, change: tuple[str, str, str]
) -> None:
    assert checks_digest(edit(*change), DOUBLE) != checks_digest(course(), DOUBLE)


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_digest_stays_where_nothing_that_judges_changes(
    course: Callable[..., Chapter], edit: Edit, change: tuple[str, str, str]
) -> None:
    assert checks_digest(edit(*change), DOUBLE) == checks_digest(course(), DOUBLE)


def test_change_of_a_check_leaves_the_other_exercises_digest(
    course: Callable[..., Chapter], edit: Edit
) -> None:
    changed = edit(*CHANGES["helper of the helper"])
    assert checks_digest(changed, TRIPLE) == checks_digest(course(), TRIPLE)


MADE = {
    "lambda": 'lambda answer: expect_equal(answer.call("double", 3), 6, "double(3)")',
    "partial": "partial(check_double)",
    "factory": 'make_check(3, "double(3)")',
}
FACTORY = """
def make_check(x, name):
    def check(answer):
        expect_equal(answer.call("double", x), 2 * x, name)

    return check


EXERCISES"""


@pytest.mark.parametrize("check", MADE.values(), ids=MADE)
def test_digest_changes_with_a_check_that_is_no_function_of_the_top_level(
    course: Callable[..., Chapter], check: str
) -> None:
    made = EXERCISES.replace('("double", check_double)', f'("double", {check})')
    made = made.replace("\nEXERCISES", FACTORY)
    mended = made.replace("double(3)", "twice(3)").replace('"double(x)"', '"twice(x)"')
    assert mended != made
    assert checks_digest(course(made), DOUBLE) != checks_digest(course(mended), DOUBLE)


def test_course_without_answers_has_digests_too(tmp_path: Path) -> None:
    chapter = keras_chapter(tmp_path)
    assert chapter.keys is None
    assert len({checks_digest(chapter, exercise) for exercise in chapter.exercises}) == 2


def key(isolation: Isolation = "process", limits: Limits | None = None, seed: int | None = 1) -> str:
    return environment_of(isolation, limits or Limits(), seed).key


def test_environment_tells_isolation_and_versions() -> None:
    here = environment_of("process", Limits(), None)
    assert here.isolation == "process"
    assert set(here.versions) == {"python", "tensorflow", "keras", "numpy"}
    assert all(here.versions.values())


def test_environment_key_changes_with_isolation_limits_seed_and_language() -> None:
    keys = [key(), key("bubblewrap"), key(limits=Limits(memory=2**30)), key(seed=2), key(seed=None)]
    messages.set_language("ja")
    keys.append(key())
    assert len(set(keys)) == len(keys)
    messages.set_language("en")
    assert key() == keys[0]


def test_environment_key_changes_with_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0" if name == "keras" else "1")
    other = key()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1")
    assert len({before, other, key()}) == 3


def test_environment_key_changes_with_all_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(each.startswith("pytest==") for each in environment._installed())
    before = key()
    monkeypatch.setattr(environment, "_installed", lambda: ["mended==2"])
    assert key() != before


def test_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_PACKAGES", ("no_such_package",))
    assert environment_of("process", Limits(), None).versions["no_such_package"] == ""


WORDS = "grader/locale/ja/LC_MESSAGES/grader.mo"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder of its own with an engine in it."""
    files = (
        "grader/judging/judge.py",
        "grader/cli/grade.py",
        "course_utils/data.py",
        "grader/locale/ja/LC_MESSAGES/grader.mo",
    )
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(environment, "COURSE", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("grader/judging/judge.py", True),
        ("grader/protocol/wire.py", True),
        ("course_utils/data.py", True),
        (WORDS, True),
        ("grader/cli/grade.py", False),
        ("grader/notes.txt", False),
    ],
)
def test_environment_key_changes_with_the_engines_files(engine: Path, file: str, counts: bool) -> None:
    before = key()
    (engine / file).parent.mkdir(parents=True, exist_ok=True)
    (engine / file).write_text("2")
    assert (key() != before) == counts


def test_every_module_that_judges_counts() -> None:
    only_data = {COURSE / "grader/judging/results.py"}
    counted = {path for pattern in environment._ENGINE for path in (COURSE / "grader").glob(pattern)}
    start = ("judging/judge.py", "worker/server.py", "worker/bridge.py", "probes.py")
    reached, pending = set[Path](), {COURSE / "grader" / name for name in start}
    while pending:
        path = pending.pop()
        reached.add(path)
        pending |= imported_from_grader(path) - reached
    assert len(reached) > 15
    assert reached - only_data <= counted


def imported_from_grader(path: Path) -> set[Path]:
    """Files of the grader's modules that a module imports when it runs."""
    tree = ast.parse(path.read_text("utf-8"))
    types = [
        each for each in tree.body if isinstance(each, ast.If) and "TYPE_CHECKING" in ast.unparse(each.test)
    ]
    ignored = {id(node) for block in types for node in ast.walk(block)}
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in ignored:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = {COURSE / f"{name.replace('.', '/')}.py" for name in names if name.startswith("grader.")}
    return {file for file in files if file.is_file()}


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("'10 層'", "'11 層'", True),
        (TOO_FEW, "足りません。", True),
        ('chosen("イ"', 'chosen("イ" ', False),
        ("深いほうが", "浅いほうが", False),
        ("within=3.0", "within=2.0", False),
        ('title="割合"', 'title="比"', False),
    ],
)
def test_digest_of_a_question_follows_what_judges_it_and_nothing_else(
    tmp_path: Path, old: str, new: str, changes: bool
) -> None:
    before = write_question_course(tmp_path / "before")
    assert old in QUESTIONS + KEYS
    after = write_question_course(tmp_path / "after", QUESTIONS.replace(old, new), KEYS.replace(old, new))
    assert (checks_digest(before, DEPTH) != checks_digest(after, DEPTH)) == changes
