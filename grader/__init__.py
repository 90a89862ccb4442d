"""The grading harness: the same checks in the learner's notebook and, isolated, at the instructor's."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.learner.notebook import check, hint, require, score, solution

__all__ = ["check", "hint", "require", "score", "solution"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("grader.learner.notebook"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
