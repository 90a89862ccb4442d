"""Trusted: the command ``grader``, a module for each verb, and what they share in :mod:`grader.cli.common`.

Imported by ``grader.__main__`` alone. The verbs are listed in the order in which they are imported here.
"""

# ruff: noqa: F401, I001
from grader.cli.common import app
from grader.cli import (
    new_chapter,
    build,
    claims,
    verify,
    mutate,
    release,
    grade,
    report,
    regrade,
    alike,
    export,
    demo,
)

__all__ = ["app"]
