"""Entry point of the command ``grader``."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line, or says what to install for it."""
    try:
        from grader.cli import app
    except ModuleNotFoundError as error:
        sys.exit(
            f"{error.name} がありません。採点に使うものを入れてください: pip install '.[grader]'\n"
            f"{error.name} is missing. Install what grading needs: pip install '.[grader]'"
        )
    app()


if __name__ == "__main__":
    main()
