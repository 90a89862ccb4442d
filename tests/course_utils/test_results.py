from dataclasses import dataclass
from pathlib import Path

import keras

from course_utils.results import read_results, write_results


@dataclass
class Measured:
    seed: int
    accuracy: float
    history: dict[str, list[float]]


def test_results_are_kept_beside_what_is_there_and_rounded(tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    write_results(path, "quick", [Measured(1, 0.123456, {"loss": [0.98765, 1.0]})])
    write_results(path, "full", [])

    assert read_results(path, "quick") == [
        {"seed": 1, "accuracy": 0.1235, "history": {"loss": [0.9877, 1.0]}}
    ]
    assert read_results(path, "full") == []
    assert f'"keras": "{keras.__version__}"' in path.read_text("utf-8")


def test_experiment_that_was_not_run_has_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path / "results.json", "quick") == []
