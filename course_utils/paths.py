"""Where the course finds its files, in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_data() -> Path:
    """Returns the folder of the data and weights that ship with the course.

    Returns:
        ``data/`` of the checkout, or its copy inside the installed package.
    """
    checkout = _PACKAGE.parent / "data"
    return checkout if (checkout / "README.md").is_file() else _PACKAGE / "shipped"
