"""What a chapter's ``experiment.py`` measured, kept in its ``results.json``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from course_utils.runtime import start

DIGITS = 4


def read_results(path: Path, name: str) -> list[dict[str, Any]]:
    """Reads what an experiment measured.

    Args:
        path: The chapter's ``results.json``.
        name: The experiment.

    Returns:
        The fields of each result; empty where that experiment was not run.
    """
    return list(_stored(path).get(name, {}).get("results", []))


def write_results(path: Path, name: str, results: Sequence[Any]) -> None:
    """Writes what an experiment measured beside what is there, with what it was measured with.

    Args:
        path: The chapter's ``results.json``.
        name: The experiment.
        results: Dataclasses; their numbers are rounded to :data:`DIGITS` decimals.
    """
    stored = _stored(path)
    environment = {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    stored[name] = {"environment": environment, "results": [_rounded(asdict(result)) for result in results]}
    path.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run_experiment(
    description: str | None,
    path: Path,
    chapter: int,
    experiments: Mapping[str, Callable[[], Iterable[Any]]],
    show: Callable[[Any], str] = str,
) -> None:
    """Runs the experiment that the command line names, and writes its results as they come.

    Args:
        description: Help of the command: the module's docstring.
        path: The chapter's ``results.json``; what other experiments left there stays.
        chapter: The chapter's number.
        experiments: What each name measures: gives dataclasses, one after the other.
        show: Formats a result as a line of progress.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name", choices=experiments)
    name = parser.parse_args().name
    start(chapter=chapter)
    results = []
    for result in experiments[name]():
        results.append(result)
        print(show(result), flush=True)
        write_results(path, name, results)


def _stored(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value
