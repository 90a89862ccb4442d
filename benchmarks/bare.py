"""The learner's own code without any grader: what no grader can save.

    python benchmarks/bare.py ANSWERS.json

``ANSWERS.json`` is a list of lists of cells: set-up, answer, tests. Keras is imported once; each list runs in
a process forked from there, which times it from its first line to its last. Prints a JSON list of seconds, in
the order given: what it takes to define the answer, to call it as the tests do, and to start TensorFlow's
runtime, which every process has to.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras  # noqa: F401 - imported here so that no answer pays for it


def seconds(cells: Sequence[str]) -> float:
    """Runs cells in a forked process.

    Args:
        cells: Python code; an assertion that fails ends it, as in a grader.

    Returns:
        Seconds it took in there.
    """
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        started = time.perf_counter()
        namespace: dict[str, Any] = {"__name__": "__main__"}
        with contextlib.suppress(AssertionError):
            for cell in cells:
                exec(cell, namespace)
        os.write(writer, str(time.perf_counter() - started).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    os.waitpid(child, 0)
    return float(text)


def main() -> None:
    """Runs and prints."""
    answers = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    print(json.dumps([seconds(cells) for cells in answers]))


if __name__ == "__main__":
    main()
