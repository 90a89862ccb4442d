import json
import subprocess
import sys
from pathlib import Path

from benchmarks.graders import ROOT


def test_answers_are_timed_one_by_one_and_without_the_import(tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(
        json.dumps([["import keras, time", "time.sleep(0.3)"], ["x = 1", "assert x == 2", "import no_such"]])
    )
    bare = [sys.executable, str(ROOT / "benchmarks" / "bare.py"), str(answers)]
    slow, quick = json.loads(subprocess.run(bare, capture_output=True, check=True).stdout)
    assert 0.3 <= slow < 1.5
    assert quick < 0.3
