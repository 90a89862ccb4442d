from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import pytest

from course_utils.results import read_results, run_experiment, write_results


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


def test_command_writes_each_result_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, kept = tmp_path / "results.json", []
    results = [Measured(seed, seed / 10, {}) for seed in (1, 2)]

    def measure() -> Iterator[Measured]:
        for result in results:
            kept.append(len(read_results(path, "quick")))
            yield result

    monkeypatch.setattr("sys.argv", ["experiment.py", "quick"])
    run_experiment("help", path, 5, {"quick": measure}, lambda result: f"seed {result.seed}")

    assert kept == [0, 1]
    assert [Measured(**stored) for stored in read_results(path, "quick")] == results
    assert "seed 1\nseed 2\n" in capsys.readouterr().out
