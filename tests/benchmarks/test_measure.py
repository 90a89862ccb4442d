import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MEASURE = """
import json, os, sys
from pathlib import Path
from benchmarks.measure import Command, CommandFailed, descendants, measure

folder = Path(sys.argv[1])
log = folder / "log"
commands = [Command([sys.executable, "-c", code], folder, os.environ, log) for code in sys.argv[3:]]
try:
    usage = measure(commands, float(sys.argv[2]))
except CommandFailed as error:
    print(json.dumps({"failed": str(error)}))
else:
    print(json.dumps({"wall": usage.wall, "cpu": usage.cpu, "largest": usage.largest, "codes": usage.codes}))
assert not list(descendants(os.getpid()))
"""
BURN = "import time\nwhile time.process_time() < 0.4: pass\n"
LEAVE_BEHIND = f"""
import os, time
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    exec({BURN!r})
    os.write(writer, b"burned")
    time.sleep(60)
os.read(reader, 1)
"""


def measured(folder: Path, *codes: str, limit: float = 30.0) -> dict[str, Any]:
    """What measuring Python code gives, in a process that has no other children."""
    command = [sys.executable, "-c", MEASURE, str(folder), str(limit), *codes]
    finished = subprocess.run(command, capture_output=True, check=True, text=True)
    result: dict[str, Any] = json.loads(finished.stdout)
    return result


def test_processor_time_and_memory_of_a_command_are_told(tmp_path: Path) -> None:
    usage = measured(tmp_path, BURN + "block = bytearray(200_000_000)")
    assert usage["codes"] == [0]
    assert 0.4 <= usage["cpu"] < 3.0
    assert usage["wall"] >= 0.4
    assert 200e6 < usage["largest"] < 400e6


def test_process_that_outlives_the_command_counts_and_is_ended(tmp_path: Path) -> None:
    usage = measured(tmp_path, LEAVE_BEHIND)
    assert usage["codes"] == [0]
    assert usage["cpu"] >= 0.4


def test_commands_run_at_the_same_time(tmp_path: Path) -> None:
    usage = measured(tmp_path, *["import time; time.sleep(1)"] * 3)
    assert usage["codes"] == [0, 0, 0]
    assert 1.0 <= usage["wall"] < 2.5


@pytest.mark.parametrize(
    ("code", "told"),
    [("import sys; sys.exit(3)", "ended with 3"), ("import time; time.sleep(60)", "not done after 1 s")],
)
def test_command_that_fails_or_hangs_is_told(tmp_path: Path, code: str, told: str) -> None:
    assert told in measured(tmp_path, code, limit=1.0)["failed"]
