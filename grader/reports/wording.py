"""What reports call things, in the current language."""

from __future__ import annotations

import re

from grader.exercise import Status
from grader.messages import _
from grader.reports.statistics import Outcome, outcome

SYMBOLS = {
    Outcome.PASSED: "✓",
    Outcome.WRONG: "✗",
    Outcome.STOPPED: "■",
    Outcome.OPEN: "–",
    Outcome.FAULT: "!",
}


def symbol(status: Status) -> str:
    """Returns the sign that stands for a status."""
    return SYMBOLS[outcome(status)]


def status_word(status: Status) -> str:
    """Returns a status as a word in the current language."""
    return {
        Status.PASSED: _("passed"),
        Status.WRONG_VALUE: _("wrong value"),
        Status.WRONG_SHAPE: _("wrong shape"),
        Status.WRONG_TYPE: _("wrong type"),
        Status.NOT_ATTEMPTED: _("not attempted"),
        Status.RAISED: _("raised an error"),
        Status.TIME_LIMIT: _("time limit"),
        Status.MEMORY_LIMIT: _("memory limit"),
        Status.RESOURCE_LIMIT: _("resource limit"),
        Status.WORKER_DIED: _("worker died"),
        Status.REFUSED: _("refused"),
        Status.GRADER_FAULT: _("grader fault"),
    }[status]


def outcome_words() -> dict[Outcome, str]:
    """Returns a word for each kind of outcome."""
    return {
        Outcome.PASSED: _("passed"),
        Outcome.WRONG: _("to be mended"),
        Outcome.STOPPED: _("stopped"),
        Outcome.OPEN: _("not attempted"),
        Outcome.FAULT: _("grader fault"),
    }


def check_word(check: str) -> str:
    """Returns what a check is called that decided; empty where none did."""
    return {"visible": _("visible check"), "hidden": _("hidden check")}.get(check, "")


def isolation_words(isolation: str) -> str:
    """Returns what kept the learner's code apart, and what not; empty where nothing is known."""
    container = _(
        "{engine} (own container, no network, read-only files; shares the kernel of the machine it runs on)"
    )
    words = {
        "bubblewrap": _(
            "bubblewrap (own processes, no network, read-only files; shares this machine's kernel)"
        ),
        "docker": container.format(engine="Docker"),
        "podman": container.format(engine="Podman"),
        "process": _(
            "process (own process only; files and network are within its reach: not for strangers' code)"
        ),
    }
    if not isolation:
        return ""
    return _("Isolation: {what}").format(what=words.get(isolation, isolation))


def chapter_words(chapter: str) -> str:
    """Returns what a chapter is called: ``Chapter 5`` for the folder ``ch05_…``, else the folder's name."""
    found = re.match(r"ch(\d+)_", chapter)
    return _("Chapter {number}").format(number=int(found[1])) if found else chapter


def page_words() -> dict[str, str]:
    """Returns the fixed texts of the pages, by the name that the templates know them by."""
    return {
        "alike": _("Answers that are alike"),
        "alike_none": _("No two answers share more than others do."),
        "alike_note": _(
            "To be read, not a verdict: these answers share passages that hardly any other answer has, after "
            "comments, blanks and names are taken away. People who learn together write alike, and who "
            "copies a right answer of the course is not found. Ask before you judge."
        ),
        "alike_same": _("The same code"),
        "alike_shared": _("{tokens} rare tokens in common, {share} of those of the answer that has fewer"),
        "all_submissions": _("All submissions"),
        "class_page": _("The class as a whole"),
        "common_mistakes": _("Most common mistakes"),
        "common_mistakes_note": _(
            "{named} of the {all} answers that ran and did not pass behave like a known mistake."
        ),
        "count": _("Count"),
        "detail": _("For the instructor"),
        "distribution": _("How the scores spread"),
        "distribution_axis": _("score, out of {points} points"),
        "distribution_bar": _("{count} with {score} points"),
        "exercise": _("Exercise"),
        "exercises": _("Exercises"),
        "expected": _("Right"),
        "faults": _("The grader itself failed"),
        "faults_note": _("Held against nobody, but not judged yet: mend the check and grade these again."),
        "figures_without_faults": _(
            "Where the grader itself failed ({count}), an exercise is left out of the share that passed."
        ),
        "full_marks": _("Full marks"),
        "given": _("The answer gave"),
        "graded_at": _("Graded"),
        "hardest": _("The hardest exercises"),
        "hint": _("Hint"),
        "learners_page": _("The learner's page"),
        "longest": _("Longest"),
        "mean": _("Mean"),
        "median": _("Median"),
        "mistake": _("Known mistake"),
        "more": _("{count} more"),
        "ninetieth": _("90th percentile"),
        "no_mistakes": _("No answer behaves like a known mistake."),
        "notebook": _("SHA-256 of the notebook"),
        "outcomes": _("What became of each exercise"),
        "passed": _("Passed"),
        "passed_of": _("{passed} of {count} exercises passed"),
        "points": _("points"),
        "problem": _("This file could not be graded"),
        "report": _("Grading report"),
        "score": _("Score"),
        "seconds": _("s"),
        "share": _("Share passed"),
        "share_passed": _("share passed (%)"),
        "submission": _("Submission"),
        "submissions": _("Submissions"),
        "time": _("Time"),
        "time_note": _("Seconds for the answers that were run; for a submission, the sum of its exercises."),
        "ungradable": _("Files that could not be graded"),
        "versions": _("Versions"),
        "whole_submission": _("A whole submission"),
    }
