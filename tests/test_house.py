"""The rules of the house that a machine can check: what lies where, who imports whom, what the prose says."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from graphlib import TopologicalSorter
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from grader.course import notebooks
from grader.course.chapters import load_chapter

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "chapters").glob("ch[0-9][0-9]_*"))
PROSE = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
REPOSITORY = PROJECT["project"]["urls"]["Repository"]
OLDEST_PYTHON = "3.11.2"  # of Debian 12
# Packages of the grader, and which others each may import: one way, and the judge nothing of the worker.
FOR_ALL = {"compare", "exercise", "messages", "probes", "questions"}
ROOMS = {
    "protocol": set[str](),
    "worker": {"protocol"},
    "sandbox": {"protocol"},
    "course": set[str](),
    "reading": {"course"},
    "judging": {"protocol", "sandbox", "course", "reading"},
    "learner": {"protocol", "worker", "course", "reading", "judging"},
    "records": {"sandbox", "course", "reading", "judging"},
    "reports": {"reading", "judging"},
    "exchange": {"course", "reading", "judging", "reports"},
    "authoring": {"protocol", "worker", "sandbox", "course", "reading", "judging", "learner"},
    "cli": {"sandbox", "course", "judging", "records", "reports", "exchange", "authoring"},
}
OWN_PACKAGES = {"benchmarks", "chapters", "course_utils", "grader"}


def tracked_files() -> list[Path]:
    """Files of the course: those that git tracks, with what is new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def imported_modules(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in the file it does."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules.add(node.module or "")
    return modules


def imported_names(path: Path) -> set[str]:
    """Full names of what a file imports from modules, which may be modules themselves."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def top(module: str) -> str:
    """First part of a module's name."""
    return module.partition(".")[0]


def normalised(name: str) -> str:
    """Name of a distribution as packaging compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(lines: list[str]) -> set[str]:
    """Names of the distributions that requirement lines ask for."""
    found = (re.match(r"[A-Za-z0-9][\w.-]*", line) for line in lines)
    return {normalised(match[0]) for match in found if match}


def targets() -> set[str]:
    """Targets of the Makefile that a person types."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_top_level_stays_small() -> None:
    entries = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    visible = {name for name in entries if not name.startswith(".")}
    assert len(visible) < 15, sorted(visible)


def test_no_file_names_the_host_of_a_package_registry() -> None:
    # In pieces, so that this file does not name them either.
    hosts = [
        b"".join(pieces) for pieces in [(b"pypi", b".org"), (b"python", b"hosted.org"), (b"npm", b"js.org")]
    ]
    found = [path for path in tracked_files() if any(host in path.read_bytes() for host in hosts)]
    assert not found


@pytest.mark.parametrize("path", sorted((ROOT / "course_utils").rglob("*.py")), ids=lambda path: path.name)
def test_course_utils_import_neither_grader_nor_chapters(path: Path) -> None:
    assert not {top(module) for module in imported_modules(path)} & {"grader", "chapters"}


@pytest.mark.parametrize("path", sorted((ROOT / "grader").rglob("*.py")), ids=lambda path: path.name)
def test_grader_names_no_chapter(path: Path) -> None:
    assert "chapters" not in {top(module) for module in imported_modules(path)}
    constants = {
        node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
    }
    assert not constants & {chapter.name for chapter in CHAPTERS}


def modules_of(room: str) -> list[Path]:
    return sorted((ROOT / "grader" / room).glob("*.py"))


def rooms_imported(paths: Iterable[Path]) -> set[str]:
    """Packages of the grader that files import, whether to run or for types."""
    modules = {module for path in paths for module in imported_modules(path) | imported_names(path)}
    return {room for room in ROOMS if any(f"{module}.".startswith(f"grader.{room}.") for module in modules)}


def test_every_module_of_the_grader_is_in_a_room_or_for_all() -> None:
    folders = {path.name for path in (ROOT / "grader").iterdir() if (path / "__init__.py").is_file()}
    assert folders == ROOMS.keys()
    for_all = {"__init__", "__main__", "container"} | FOR_ALL
    assert {path.stem for path in (ROOT / "grader").glob("*.py")} == for_all
    for name in FOR_ALL:
        assert not rooms_imported([ROOT / "grader" / f"{name}.py"]), name


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_one_way(room: str) -> None:
    assert rooms_imported(modules_of(room)) - {room} == ROOMS[room]
    assert [*TopologicalSorter(ROOMS).static_order()]


@pytest.mark.parametrize("room", ROOMS)
def test_modules_of_a_room_import_each_other_one_way(room: str) -> None:
    prefix = f"grader.{room}."
    graph = {}
    for path in modules_of(room):
        named = imported_modules(path) | imported_names(path)
        graph[path.stem] = {name.removeprefix(prefix) for name in named if name.startswith(prefix)} - {
            path.stem
        }
    if room == "cli":
        graph.pop("__init__")  # gathers the verbs, which take the application from "common"
    assert [*TopologicalSorter(graph).static_order()]


@pytest.mark.parametrize("room", ROOMS)
def test_room_says_what_lives_there_and_tests_mirror_it(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / "grader" / room / "__init__.py").read_text("utf-8")))
    assert docstring is not None
    assert re.search(r"^Trusted|untrusted|Both sides of the trust boundary|prove nothing", docstring)
    assert re.search(r"Imported\s+by|import\s+it", docstring)
    tests = {path.stem for path in (ROOT / "tests" / "grader" / room).glob("test_*.py")}
    modules = {f"test_{path.stem}" for path in modules_of(room) if path.stem != "__init__"}
    assert tests
    assert tests <= modules


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_exercises_and_answers_import_only_the_exercise_model(chapter: Path) -> None:
    for name in ("exercises.py", "answers.py"):
        own = {module for module in imported_modules(chapter / name) if top(module) in OWN_PACKAGES}
        assert own <= {"grader.exercise", "grader.compare", f"chapters.{chapter.name}.exercises"}, name


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_public_part_defines_nothing_that_an_answer_must_define(chapter: Path) -> None:
    exercises = load_chapter(chapter.name).exercises.values()
    asked_for = {symbol for exercise in exercises for symbol in exercise.symbols}
    for path in (chapter / "exercises.py", chapter / "probes.py"):
        if not path.is_file():  # a chapter without Keras in its answers needs no probes
            continue
        tree = ast.parse(path.read_text("utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        assert not defined & asked_for, path.name


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_lesson_tells_of_each_exercise_what_its_card_holds(chapter: Path) -> None:
    exercises = load_chapter(chapter.name).exercises
    cells = notebooks.build(load_chapter(chapter.name), "").cells
    asked = {
        marker[1]: before.source.rpartition("### ")[2]
        for before, cell in itertools.pairwise(cells)
        if (marker := notebooks.EXERCISE_LINE.match(cell.source))
    }
    assert [*asked] == [*exercises]
    for number, (exercise, text) in enumerate(zip(exercises.values(), asked.values(), strict=True), 1):
        assert text.split("\n")[0] == f"問題 {number} {exercise.title} ({exercise.points} 点)"
        for expected in exercise.question.words() if exercise.question else ["たとえば"]:
            assert expected in text, f"{exercise.id} is told without {expected}"
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    totals = re.findall(r"(?:合計|全部で|満点は) *(\d+) *点|(\d+) *点満点", prose)
    assert {int("".join(total)) for total in totals} <= {sum(each.points for each in exercises.values())}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_chapter_has_its_files(chapter: Path) -> None:
    for name in ("__init__.py", "lesson.py", "exercises.py", "answers.py"):
        assert (chapter / name).is_file(), name
    assert (chapter / "experiment.py").is_file() == (chapter / "results.json").is_file()
    notebook = ROOT / "notebooks" / f"{chapter.name.removeprefix('ch')}.ipynb"
    assert notebook.is_file()
    assert notebook.stat().st_size < 1_500_000


def test_every_notebook_belongs_to_a_chapter() -> None:
    chapters = {chapter.name.removeprefix("ch") for chapter in CHAPTERS}
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} == chapters


def test_every_data_file_has_a_card() -> None:
    files = [path for path in tracked_files() if path.is_relative_to(ROOT / "data")]
    cards = "\n".join(path.read_text("utf-8") for path in files if path.suffix == ".md")
    unnamed = [path.name for path in files if path.suffix != ".md" and path.name not in cards]
    assert len(files) > 2
    assert not unnamed


def third_party_distributions(paths: Iterable[Path]) -> dict[str, set[str]]:
    """Modules that files import from other people's distributions, and what provides each."""
    known = packages_distributions()
    modules = {top(module) for path in paths for module in imported_modules(path)}
    beside_tests = {"tests"} | {path.stem for path in (ROOT / "tests").rglob("*.py")}
    others = modules - OWN_PACKAGES - beside_tests - set(sys.stdlib_module_names)
    return {module: {normalised(name) for name in known.get(module, [])} for module in others}


def test_every_import_is_declared() -> None:
    requirements = declared((ROOT / "requirements.txt").read_text("utf-8").splitlines())
    extras = PROJECT["project"]["optional-dependencies"]
    learner = third_party_distributions(
        [
            *(ROOT / "course_utils").rglob("*.py"),
            *(ROOT / "chapters").rglob("*.py"),
            *(ROOT / "data").rglob("*.py"),
        ]
    )
    grader = third_party_distributions((ROOT / "grader").rglob("*.py"))
    tests = third_party_distributions((ROOT / "tests").rglob("*.py"))
    for used, asked_for in [
        (learner, requirements),
        (grader, requirements | declared(extras["grader"]) | {"babel", "cosmic-ray"}),
        (tests, requirements | declared(extras["grader"]) | declared(extras["dev"])),
    ]:
        assert not {module: by for module, by in used.items() if not by & asked_for}


def test_every_requirement_is_pinned() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [*(ROOT / "requirements.txt").read_text("utf-8").splitlines(), *extras["grader"], *extras["dev"]]
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert declared(lines) <= declared(pins)
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+( ;.*)?", pin) for pin in pins)


def test_pins_serve_the_oldest_python() -> None:
    pins = set((ROOT / "constraints.txt").read_text("utf-8").lower().splitlines())
    pinned = [each for each in distributions() if f"{each.name}=={each.version}".lower() in pins]
    wanted = {each.name: each.metadata["Requires-Python"] or "" for each in pinned}
    assert len(wanted) > 100
    assert not {name: ask for name, ask in wanted.items() if OLDEST_PYTHON not in SpecifierSet(ask)}


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.name)
def test_commands_in_the_prose_exist(path: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE))
    assert named <= targets()


@pytest.mark.parametrize("name", ["README.md", "docs/README.ja.md", "docs/CONTRIBUTING.md"])
def test_addresses_are_those_of_the_one_setting(name: str) -> None:
    found = re.findall(
        r"(?:github|google)\.com/(?:github/)?([\w.-]+/[\w.-]+)", (ROOT / name).read_text("utf-8")
    )
    assert set(found) <= {REPOSITORY.removeprefix("https://github.com/"), "assets/colab-badge.svg"}


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.name)
def test_links_between_files_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert not [link for link in local if not (path.parent / link).exists()]
