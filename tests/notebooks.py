"""Runs the notebooks once, on the installed course: the wheel's files alone, without answers, offline.

    python -m tests.notebooks [--junitxml FILE] [CHAPTER...]

builds the wheel, unpacks it outside the checkout, hides the checkout's own packages, takes the network away
(both where bubblewrap works), and lets nbval run copies of the committed notebooks there, two at a time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat

from grader.course.chapters import load_chapter, load_chapters
from grader.sandbox.staging import bubblewrap_available

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("chapters", "course_utils", "grader", "data")
ORIGIN = """
import os
from pathlib import Path

import chapters, course_utils, grader

for package in (chapters, course_utils, grader):
    assert Path(package.__file__).is_relative_to(os.environ["PYTHONPATH"]), package.__file__
"""
NBVAL = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300", "-n", "2", "--dist", "loadscope")


def unpacked_wheel(folder: Path) -> Path:
    """Builds the wheel as ``pip install .`` does, without the network, and unpacks it.

    Args:
        folder: An empty folder.

    Returns:
        The folder that the wheel's files are in.
    """
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def apart() -> list[str]:
    """Returns the start of a command that has neither the network nor the checkout's own packages."""
    if not bubblewrap_available():
        print("bubblewrap が使えないため、ネットワークを切らずに実行します。", file=sys.stderr)
        print("bubblewrap does not work here: the network stays on.", file=sys.stderr)
        return []
    hidden = [option for name in PACKAGES for option in ("--tmpfs", str(ROOT / name))]
    return ["bwrap", "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent", *hidden, "--"]


def main() -> None:
    """Runs the notebooks of the chapters that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks")
    parser.add_argument("chapters", nargs="*", help="numbers or names (default: every chapter)")
    parser.add_argument("--junitxml", type=Path, help="where nbval writes what each cell took")
    arguments = parser.parse_args()
    chapters = [load_chapter(each) for each in arguments.chapters] or load_chapters()
    options = [] if arguments.junitxml is None else [f"--junitxml={arguments.junitxml.resolve()}"]
    with tempfile.TemporaryDirectory(prefix="installed-") as scratch:
        installed = unpacked_wheel(Path(scratch))
        copies = Path(scratch, "notebooks")
        copies.mkdir()
        for chapter in chapters:
            notebook = nbformat.read(ROOT / "notebooks" / chapter.notebook_name, as_version=4)
            notebook.cells.append(nbformat.v4.new_code_cell(ORIGIN))
            nbformat.write(notebook, copies / chapter.notebook_name)
        command = [*apart(), sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *NBVAL, *options, "."]
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        sys.exit(subprocess.run(command, cwd=copies, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
