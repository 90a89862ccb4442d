"""Entry point of the command ``grader``."""

from __future__ import annotations

import sys

from grader.messages import write_what_can_be_shown


def main() -> None:
    """Runs the command line, or says what to install for it."""
    write_what_can_be_shown()
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
