"""What a chapter's ``experiment.py`` measured, kept in its ``results.json``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

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


def _stored(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value
