"""Claims: what ``claims.toml`` may hold, what a check prints and refuses, and the folded table."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from course_utils import claims
from course_utils.claims import (
    VERDICTS,
    alternative_text,
    claim,
    claims_table,
    read,
    read_figures,
    recorded_claims,
)

GAP = {"statement": "差がある", "source": "レポート", "band": [0.1, 0.5]}
COUNT = {
    "statement": "パラメータは 269,722 個",
    "source": "He et al. 2016",
    "value": 269722,
    "unit": "個",
}


@pytest.fixture(autouse=True)
def chapters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(claims, "_claims", {})
    monkeypatch.setattr(claims, "CHAPTERS", tmp_path)
    return tmp_path


def declare(chapters: Path, **tables: dict[str, object]) -> Path:
    """Writes the claims ``ch05.NAME`` of chapter 5; ``_`` in a name becomes a dot."""
    path = chapters / "ch05_resnet" / "claims.toml"
    path.parent.mkdir(exist_ok=True)
    lines = []
    for name, table in tables.items():
        lines.append(f'["ch05.{name.replace("_", ".")}"]')
        lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
    path.write_text("\n".join(lines), "utf-8")
    return path


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(str(end) for end in value)}]"
    return json.dumps(value, ensure_ascii=False)


def test_exact_integer(chapters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(chapters, count=COUNT)

    claim("ch05.count", np.int64(269722))

    assert capsys.readouterr().out == (
        "【成り立つ】パラメータは 269,722 個 — 測定 269,722 個 (想定 ちょうど 269,722 個) ✔\n"
    )


def test_integer_that_is_off_by_one(chapters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(chapters, count=COUNT)

    with pytest.raises(AssertionError, match=r"ch05\.count: 測定値 269,723 個 .* measured 269,723"):
        claim("ch05.count", 269723)

    assert capsys.readouterr().out.startswith("【確認できませんでした】")
    assert [each.holds for each in recorded_claims()] == [False]


@pytest.mark.parametrize("measured", [0.1, np.float32(0.25), 0.5, np.array(0.3)])
def test_within_the_band(chapters: Path, measured: float) -> None:
    declare(chapters, gap=GAP)

    claim("ch05.gap", measured)

    assert [each.holds for each in recorded_claims()] == [True]


@pytest.mark.parametrize("measured", [0.09, 0.51, math.nan])
def test_outside_the_band(chapters: Path, measured: float) -> None:
    declare(chapters, gap=GAP)

    with pytest.raises(AssertionError, match=r"0\.1〜0\.5"):
        claim("ch05.gap", measured)


def test_verdict_stands_apart_from_the_tick(chapters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stated = {"statement": "先に止まる", "source": "レポート", "band": [0, 10], "unit": "エポック"}
    declare(chapters, epochs=stated | {"verdict": "この規模では成り立たない"})

    claim("ch05.epochs", 3)

    assert capsys.readouterr().out == (
        "【この規模では成り立たない】先に止まる — 測定 3 エポック (想定 0〜10 エポック) ✔\n"
    )


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"value": True}, "はい"),
        ({"value": "b c"}, "b c"),
        ({"value": 3}, "ちょうど 3"),
        ({"band": [0, 0]}, "ちょうど 0"),
        ({"band": [100, "inf"]}, "100 以上"),
        ({"band": ["-inf", 0.5], "unit": "点"}, "0.5 点 以下"),
    ],
)
def test_what_was_stated_is_said_in_words(chapters: Path, stated: dict[str, object], words: str) -> None:
    path = declare(chapters, x={"statement": "文", "source": "出典", **stated})

    assert read(path)["ch05.x"].stated == words


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"statement": "差はどれだけか"}, "not a question"),
        ({"statement": "b は a の何倍か (中央値の比)"}, "not a question"),
        ({"value": 1}, "exactly one"),
        ({"band": None}, "exactly one"),
        ({"band": None, "value": 0.5}, "by band"),
        ({"band": [0.5, 0.1]}, "empty"),
        ({"band": [0.05, 10]}, "hardly any value"),
        ({"band": ["-inf", "inf"]}, "hardly any value"),
        ({"verdict": "たぶん"}, "verdict"),
        ({"profile": "slow"}, "profile"),
        ({"source": None}, "a source"),
        ({"expected": 1}, "its keys"),
    ],
)
def test_what_cannot_be_checked_or_cannot_fail_is_refused(
    chapters: Path, changed: dict[str, object], said: str
) -> None:
    table = {key: value for key, value in (GAP | changed).items() if value is not None}

    with pytest.raises(ValueError, match=rf"ch05\.x: .*/ .*{said}"):
        read(declare(chapters, x=table))


def test_claim_of_another_chapter_is_refused(chapters: Path) -> None:
    path = declare(chapters, x=GAP)
    path.write_text(path.read_text("utf-8").replace("ch05.", "ch06."), "utf-8")

    with pytest.raises(ValueError, match=r"ch06\.x: .*begins with ch05\."):
        read(path)


def test_claim_that_is_not_declared_is_named(chapters: Path) -> None:
    declare(chapters, x=GAP)

    with pytest.raises(KeyError, match=r"ch05\.y .*claims\.toml"):
        claim("ch05.y", 1)


def test_table_has_a_row_for_each_claim(chapters: Path) -> None:
    one = {"statement": "一つ目", "source": "レポート", "band": [1, 2]}
    two = {"statement": "二つ目", "source": "論文", "band": [0, 1], "verdict": "条件つきで成り立つ"}
    declare(chapters, a=one, b=two)
    claim("ch05.a", 1)
    claim("ch05.b", 0.5)
    claim("ch05.a", 2)

    table = claims_table()

    assert [each.declared.id for each in recorded_claims()] == ["ch05.a", "ch05.b"]
    assert table.cells == (
        ("一つ目", "2", "1〜2", "成り立つ", "レポート"),
        ("二つ目", "0.5", "0〜1", "条件つきで成り立つ", "論文"),
    )


def test_table_is_folded_and_carries_the_claims_as_data(chapters: Path) -> None:
    declare(chapters, gap=GAP | {"unit": "点", "verdict": VERDICTS[1]})
    claim("ch05.gap", 0.25)

    bundle = claims_table()._repr_mimebundle_(include=None, exclude=None)

    assert bundle[claims.CLAIMS_MIME] == [
        {
            "id": "ch05.gap",
            "statement": "差がある",
            "measured": "0.25 点",
            "stated": "0.1〜0.5 点",
            "verdict": "条件つきで成り立つ",
            "source": "レポート",
        }
    ]
    assert bundle["text/html"].startswith("<details><summary>この章で確かめた主張 1 件")
    assert "差がある" in bundle["text/html"]
    assert bundle["text/plain"] == repr(claims_table())


def test_alternative_texts_of_figures_stand_beside_the_claims(chapters: Path) -> None:
    path = declare(chapters, count=COUNT)
    path.write_text(path.read_text("utf-8") + '\n[figures]\n"ch05.curve" = "横軸はエポック。"\n', "utf-8")

    assert [*read(path)] == ["ch05.count"]
    assert read_figures(path) == {"ch05.curve": "横軸はエポック。"}
    assert alternative_text("ch05.curve") == "横軸はエポック。"
    assert alternative_text("横軸は ch05 の層。") == "横軸は ch05 の層。"
    with pytest.raises(KeyError, match=r"ch05\.curves is not among"):
        alternative_text("ch05.curves")
