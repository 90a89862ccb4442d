import json

from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult


def test_result_is_what_grades_json_holds() -> None:
    exercise = ExerciseResult(
        *("ch05.head", "頭", Status.WRONG_VALUE, 0, 5, "違います。", 1.23456),
        check="visible",
        detail="違います。",
        given="[1.]",
        expected="[2.]",
        hint="足し算です。",
        mistake="引いている",
    )
    submission = SubmissionResult(
        *("a.ipynb", "ch05_x", 0, 5, [exercise], "bubblewrap"),
        notebook="ab12",
        graded_at="2026-11-24T00:00:00.000+00:00",
        versions={"python": "3.11.2"},
    )
    assert json.loads(json.dumps(submission.to_dict())) == {
        "submission": "a.ipynb",
        "chapter": "ch05_x",
        "score": 0,
        "max_score": 5,
        "exercises": [
            {
                "id": "ch05.head",
                "title": "頭",
                "status": "wrong value",
                "score": 0,
                "max_score": 5,
                "reason": "違います。",
                "seconds": 1.235,
                "check": "visible",
                "detail": "違います。",
                "given": "[1.]",
                "expected": "[2.]",
                "hint": "足し算です。",
                "mistake": "引いている",
            }
        ],
        "isolation": "bubblewrap",
        "problem": "",
        "note": "",
        "notebook": "ab12",
        "graded_at": "2026-11-24T00:00:00.000+00:00",
        "versions": {"python": "3.11.2"},
    }
