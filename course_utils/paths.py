"""Where the course finds its files, in a checkout and in an installed package."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_data() -> Path:
    """Returns the folder of the data and weights that ship with the course.

    Returns:
        ``data/`` of the checkout, or its copy inside the installed package.
    """
    checkout = _PACKAGE.parent / "data"
    return checkout if (checkout / "README.md").is_file() else _PACKAGE / "shipped"


def data_dir() -> Path | None:
    """Returns the learner's own data folder, which is looked in before any download.

    Returns:
        The folder that ``COURSE_DATA_DIR`` names, or ``None`` when it is not set.

    Raises:
        NotADirectoryError: If ``COURSE_DATA_DIR`` names something that is not a folder.
    """
    value = os.environ.get("COURSE_DATA_DIR")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise NotADirectoryError(
            f"環境変数 COURSE_DATA_DIR の指すフォルダー {value} がありません。"
            "正しいフォルダーを指定するか、変数を消してください。 / "
            f"COURSE_DATA_DIR names {value}, which is not a folder; correct the variable or unset it."
        )
    return folder
