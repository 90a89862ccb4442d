import math

import numpy as np
import pytest

from course_utils import claims
from course_utils.claims import claim, claims_table, recorded_claims


@pytest.fixture(autouse=True)
def no_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_claims", {})


def test_exact_integer(capsys: pytest.CaptureFixture[str]) -> None:
    claim("ch05.count", "パラメータは 269,722 個", "He 2016", np.int64(269722), expected=269722, unit="個")

    assert capsys.readouterr().out == (
        "✔ パラメータは 269,722 個 — 測定 269,722 個(期待 269,722 個) → 成り立つ [He 2016]\n"
    )


def test_integer_that_is_off_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError, match=r"ch05\.count: 測定値 269,723 .* measured 269,723"):
        claim("ch05.count", "パラメータは 269,722 個", "He 2016", 269723, expected=269722)

    assert capsys.readouterr().out.startswith("✘ ")
    assert [c.holds for c in recorded_claims()] == [False]


@pytest.mark.parametrize("measured", [0.1, np.float32(0.25), 0.5, np.array(0.3)])
def test_within_the_band(measured: float) -> None:
    claim("ch05.gap", "差がある", "レポート", measured, band=(0.1, 0.5))

    assert [c.holds for c in recorded_claims()] == [True]


@pytest.mark.parametrize("measured", [0.09, 0.51, math.nan])
def test_outside_the_band(measured: float) -> None:
    with pytest.raises(AssertionError, match=r"範囲 0\.1〜0\.5"):
        claim("ch05.gap", "差がある", "レポート", measured, band=(0.1, 0.5))


def test_sentence_that_does_not_hold_at_this_scale(capsys: pytest.CaptureFixture[str]) -> None:
    claim(
        "ch05.epochs",
        "微調整のほうが早く止まる",
        "レポート",
        3,
        band=(0, 10),
        unit="エポック",
        verdict="成り立たない",
    )

    assert capsys.readouterr().out == (
        "✔ 微調整のほうが早く止まる — 測定 3 エポック(範囲 0〜10 エポック) → 成り立たない [レポート]\n"
    )


def test_booleans_are_exact() -> None:
    claim("ch05.same", "同じ出力", "この章", np.bool_(True), expected=True)

    assert [c.holds for c in recorded_claims()] == [True]
    with pytest.raises(AssertionError):
        claim("ch05.same", "同じ出力", "この章", False, expected=True)


@pytest.mark.parametrize("kwargs", [{}, {"expected": 1, "band": (0, 1)}])
def test_exactly_one_statement(kwargs: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"どちらか一方.*exactly one"):
        claim("ch05.x", "文", "出典", 1, **kwargs)  # type: ignore[arg-type]


def test_real_number_needs_a_band() -> None:
    with pytest.raises(ValueError, match=r"band=\(下限, 上限\).*by band"):
        claim("ch05.x", "文", "出典", 0.5, expected=0.5)


def test_table_has_a_row_for_each_claim() -> None:
    claim("ch05.a", "一つ目", "レポート", 1, expected=1)
    claim("ch05.b", "二つ目", "論文", 0.5, band=(0, 1), verdict="条件つき")
    claim("ch05.a", "一つ目", "レポート", 2, expected=2)

    table = claims_table()

    assert [c.id for c in recorded_claims()] == ["ch05.a", "ch05.b"]
    assert table.cells == (
        ("一つ目", "2", "期待 2", "成り立つ", "レポート"),
        ("二つ目", "0.5", "範囲 0〜1", "条件つき", "論文"),
    )


def test_table_carries_the_claims_as_data() -> None:
    claim("ch05.gap", "差がある", "レポート", 0.25, band=(0.1, 0.5), unit="点", verdict="条件つき")

    bundle = claims_table()._repr_mimebundle_(include=None, exclude=None)

    assert bundle[claims.CLAIMS_MIME] == [
        {
            "id": "ch05.gap",
            "statement": "差がある",
            "measured": "0.25 点",
            "stated": "範囲 0.1〜0.5 点",
            "verdict": "条件つき",
            "source": "レポート",
        }
    ]
    assert "差がある" in bundle["text/html"]
    assert bundle["text/plain"] == repr(claims_table())
