"""What a test run takes: seconds by chapter and kind, and of each step.

    python -m tests.seconds STEP COMMAND...    runs a command and notes how long it took
    python -m tests.seconds                    prints the table of all that was noted

Notes lie in ``build/seconds/``: a file a step, what nbval and pytest say in JUnit's format, and the table of
``grader verify``. The table goes to ``build/seconds/table.txt`` too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

NOTES = Path(__file__).resolve().parent.parent / "build" / "seconds"
KINDS = ("notebook", "exercises", "tests")
HARNESS = "harness"
BUDGET = 90.0
"""Seconds of wall time that a chapter may take, everything included, where two things run at a time."""
AT_A_TIME = 2

Seconds = dict[str, dict[str, float]]


def note(step: str, command: list[str]) -> int:
    """Runs a command and notes its seconds.

    Args:
        step: What it is called in the table. Noting it again replaces what was noted before.
        command: The command.

    Returns:
        Its exit code.
    """
    started = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    path = NOTES / "steps" / step
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{time.monotonic() - started:.1f}", "utf-8")
    return code


def noted_steps() -> dict[str, float]:
    """Returns the seconds of each step, in the order in which they ended."""
    files = sorted((NOTES / "steps").glob("*"), key=lambda path: path.stat().st_mtime_ns)
    return {path.name: float(path.read_text("utf-8")) for path in files}


def chapter_of(name: str) -> str:
    """Returns the number of the chapter that a name of a test or a row speaks of, else ``harness``."""
    found = re.search(r"(?:\bch|^|notebooks[./])(\d\d)_", name)
    return found[1] if found else HARNESS


def seconds_by_chapter(notes: Path) -> Seconds:
    """Adds up what was noted, by chapter and kind."""
    seconds: Seconds = defaultdict(lambda: dict.fromkeys(KINDS, 0.0))
    for kind, file in (("notebook", "notebooks.xml"), ("tests", "pytest.xml")):
        if (notes / file).is_file():
            for case in ElementTree.parse(notes / file).iter("testcase"):
                seconds[chapter_of(case.get("classname", ""))][kind] += float(case.get("time", 0))
    if (notes / "verify.json").is_file():
        for row in json.loads((notes / "verify.json").read_text("utf-8")):
            seconds[chapter_of(row["chapter"])]["exercises"] += row["seconds"]
    return dict(sorted(seconds.items()))


def table(seconds: Seconds, steps: dict[str, float]) -> str:
    """Writes the table."""
    lines = ["seconds, two things at a time:", f"{'chapter':<10}" + "".join(f"{kind:>11}" for kind in KINDS)]
    lines[-1] += f"{'sum':>11}{'wall':>11}"
    for chapter, kinds in seconds.items():
        total = sum(kinds.values())
        over = " over budget" if chapter != HARNESS and total / AT_A_TIME > BUDGET else ""
        lines.append(
            f"{chapter:<10}"
            + "".join(f"{kinds[kind]:>11.0f}" for kind in KINDS)
            + f"{total:>11.0f}{total / AT_A_TIME:>11.0f}{over}"
        )
    lines += ["", "seconds of each step, some of them side by side:"]
    lines += [f"{step:<32}{took:>11.0f}" for step, took in steps.items()]
    return "\n".join(lines)


def main() -> None:
    """Runs and notes a command, or prints the table."""
    if len(sys.argv) > 2:
        sys.exit(note(sys.argv[1], sys.argv[2:]))
    text = table(seconds_by_chapter(NOTES), noted_steps())
    NOTES.mkdir(parents=True, exist_ok=True)
    (NOTES / "table.txt").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
