import numpy as np
import pytest

from course_utils.tables import min_median_max, result_table

ROWS = [
    {"設定": "転移学習", "正解率": 0.56789, "重み": 26735712, "最良": True},
    {"設定": "fine-tune <b>", "正解率": np.float32(0.5), "秒": np.int64(240)},
]


def test_text_is_aligned_with_wide_characters() -> None:
    assert repr(result_table(ROWS, caption="結果")).splitlines() == [
        "結果",
        "設定           正解率        重み  最良   秒",
        "-------------  ------  ----------  ----  ---",
        "転移学習        0.568  26,735,712  はい    —",
        "fine-tune <b>   0.500           —  —     240",
    ]


def test_html_is_escaped_and_numbers_are_set_to_the_right() -> None:
    html = result_table(ROWS)._repr_html_()

    assert "fine-tune &lt;b&gt;" in html
    assert '<td style="text-align:right;white-space:nowrap">0.568</td>' in html
    assert '<td style="text-align:left;white-space:nowrap">転移学習</td>' in html
    assert html.count("<tr>") == 3
    assert "<caption>" not in html


def test_digits() -> None:
    assert result_table([{"a": 1234.5678}], digits=1).cells == (("1,234.6",),)


def test_no_rows() -> None:
    with pytest.raises(ValueError, match=r"行がありません.*No rows"):
        result_table([])


def test_formatted_numbers_are_set_to_the_right() -> None:
    table = result_table([{"時間": "1.5", "名前": "1e-4 (c)"}, {"時間": None, "名前": "3"}])

    assert table.numeric == (True, False)


def test_equal_values_are_shown_once_and_others_as_minimum_median_and_maximum() -> None:
    assert min_median_max([0.5]) == "0.500"
    assert min_median_max([0.5, 0.5, 0.5]) == "0.500"
    assert min_median_max([0.1, 0.3, 0.2], 1) == "0.1 / 0.2 / 0.3"
    assert min_median_max([8000, 8000, 9000], 0) == "8,000 / 8,000 / 9,000"


def test_no_number_is_minus_zero() -> None:
    assert min_median_max([-0.0004]) == "0.000"
    assert min_median_max([-0.0006]) == "-0.001"


def test_long_cells_wrap_and_short_ones_do_not() -> None:
    html = result_table(
        [{"短い": "この規模では成り立たない", "長い": "x" * 40, "文": "長い文です。" * 20}]
    )._repr_html_()
    assert '<td style="text-align:left;white-space:nowrap">この規模' in html
    assert '<td style="text-align:left;min-width:10em">xxxx' in html
    assert '<td style="text-align:left;min-width:15em">長い文' in html
