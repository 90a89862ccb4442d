"""Readies Podman and the grader's image, and grades attacks and samples in it: ``make containers``.

    python -m tests.containers [--base IMAGE]

prints the seconds of each step. A container that is left afterwards is a fault, and is removed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from grader.sandbox import container
from tests.containers import image

_TESTS = {
    "コンテナの制限と第 5 章の解答例 / limits of a container, samples of chapter 5": ["tests/containers"],
    "採点器の試験 / tests of the grader": ["tests/grader", "-k", "RealContainer and podman"],
    "攻撃 / attacks": ["tests/attacks"],
}


def main() -> None:
    """Does all steps, tells the seconds of each, and exits with 1 where one has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.containers", description="Tries real containers.")
    parser.add_argument("--base", help="an image with Python to build on; default: made by debootstrap")
    base = parser.parse_args().base
    os.environ |= {"CONTAINERS_CONF": str(image.SETTINGS), "COURSE_ISOLATION": "podman"}
    steps = Steps()
    try:
        with steps.step("Podman のインストール / installing Podman"):
            image.install()
        if not image.exists(container.image()):
            with steps.step("土台のイメージ / the base image"):
                base = base or image.make_base()
            with steps.step("採点用のイメージ / the grader's image"):
                image.build(base)
        if fault := container.problem("podman"):
            raise image.CannotPrepare(fault)
    except image.CannotPrepare as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"失敗しました。原因は上にあります。 / This failed; the cause stands above: {error}")
    before = containers()
    failed = [name for name, tests in _TESTS.items() if not steps.passes(name, tests)]
    left = containers() - before
    if left:
        subprocess.run(["podman", "rm", "--force", *left], check=True)
        failed.append(f"コンテナが残りました / containers were left: {' '.join(sorted(left))}")
    print(f"\n{container.image()}: {image.megabytes()} MB", *steps.told, sep="\n")
    sys.exit("\n".join(["失敗 / failed:", *failed]) if failed else 0)


class Steps:
    """Times steps.

    Attributes:
        told: A line for each step that is done.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times the block.

        Args:
            name: What to call it.
        """
        print(f"== {name}", flush=True)
        started = time.monotonic()
        yield
        self.told.append(f"{time.monotonic() - started:7.1f} s  {name}")

    def passes(self, name: str, tests: list[str]) -> bool:
        """Runs pytest, as a step.

        Args:
            name: What to call it.
            tests: Its arguments.

        Returns:
            Whether all passed.
        """
        with self.step(name):
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
            return subprocess.run(command, cwd=container.COURSE, check=False).returncode == 0


def containers() -> set[str]:
    """Returns the names of the grader's containers, running or not."""
    command = ["podman", "ps", "--all", "--format", "{{.Names}}", "--filter", "name=grader-"]
    return {*subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()}


if __name__ == "__main__":
    main()
