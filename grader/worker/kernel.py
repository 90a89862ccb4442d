"""Stand-ins for what a notebook's kernel offers beside Python, in Jupyter and in Colab: nothing happens.

A learner's cell may mount a drive, ask for a secret, show a picture or call IPython; what stands below it in
the cell is to be graded all the same.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

COLAB = "google.colab"
NOTEBOOK_SIDE = "grader.learner.notebook"
"""Whose ``check``, ``hint`` and so on do nothing here."""


class Silent(ModuleType):
    """An object, and a module, of which every attribute and result is such an object again: empty, false."""

    def __init__(self, name: str = "silent") -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Silent(name)

    def __call__(self, *_args: Any, **_kwargs: Any) -> Silent:
        return Silent()

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return ""


class _Colab(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``google.colab`` and every module in it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        found = name == COLAB or name.startswith(f"{COLAB}.")
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if found else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return Silent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leaves the module as it was made."""


def main_namespace() -> dict[str, Any]:
    """Makes the ``__main__`` that a notebook's first cell finds, and puts the stand-ins in place.

    Returns:
        Its names.
    """
    sys.modules[NOTEBOOK_SIDE] = Silent(NOTEBOOK_SIDE)
    sys.meta_path.insert(0, _Colab())
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    module.__dict__.update(display=print, get_ipython=Silent("get_ipython"))
    return module.__dict__
