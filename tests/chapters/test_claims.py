"""What each chapter declares in ``claims.toml`` is what its lesson checks and its notebook shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from course_utils.claims import CLAIMS_MIME, read, read_figures

COURSE = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((COURSE / "chapters").glob("ch*"))
in_each_chapter = pytest.mark.parametrize("folder", CHAPTERS, ids=lambda folder: folder.name)


def shown(folder: Path) -> list[dict[str, str]]:
    """Returns the claims that a chapter's committed notebook holds as data."""
    (path,) = (COURSE / "notebooks").glob(f"{folder.name[2:4]}_*.ipynb")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    tables = [
        output["data"][CLAIMS_MIME]
        for cell in cells
        for output in cell.get("outputs", [])
        if CLAIMS_MIME in output.get("data", {})
    ]
    return list(tables[-1])


@in_each_chapter
def test_every_claim_is_checked_and_shown_as_it_is_declared(folder: Path) -> None:
    declared = read(folder / "claims.toml")
    claims = {claim["id"]: claim for claim in shown(folder)}
    in_quick = {id: each for id, each in declared.items() if each.profile == "quick"}
    assert [*claims] == [*in_quick]
    for id, each in in_quick.items():
        stated = (each.statement, each.source, each.stated, each.verdict)
        assert tuple(claims[id][key] for key in ("statement", "source", "stated", "verdict")) == stated


@in_each_chapter
def test_no_claim_is_stated_twice(folder: Path) -> None:
    statements = [each.statement for each in read(folder / "claims.toml").values()]
    assert sorted(statements) == sorted(set(statements))


@in_each_chapter
def test_every_alternative_text_is_a_figure_s(folder: Path) -> None:
    code = "\n".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    texts = read_figures(folder / "claims.toml")
    assert all(texts.values())
    named = [name for name in texts if f'"{name}"' in code or f'"{name.partition(".")[2]}"' in code]
    assert named == [*texts]
