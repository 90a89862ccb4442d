"""Chapter 11's dates: eras at their boundaries, styles, ids, and no day on two sides."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from chapters.ch11_transformer import dates


@pytest.mark.parametrize(
    ("day", "written"),
    [
        (date(2019, 4, 30), "平成31年4月30日"),
        (date(2019, 5, 1), "令和元年5月1日"),
        (date(1989, 1, 7), "昭和64年1月7日"),
        (date(1989, 1, 8), "平成元年1月8日"),
        (date(1926, 12, 24), "大正15年12月24日"),
        (date(1926, 12, 25), "昭和元年12月25日"),
        (date(1912, 7, 29), "明治45年7月29日"),
        (date(1912, 7, 30), "大正元年7月30日"),
        (date(1873, 1, 1), "明治6年1月1日"),
    ],
)
def test_eras_change_on_their_days(day: date, written: str) -> None:
    assert dates.STYLES["和暦"](day) == written


def test_a_day_before_the_gregorian_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="暦が違う"):
        dates.era_of(date(1872, 12, 31))


@pytest.mark.parametrize(
    ("style", "written"),
    [
        ("和暦・全角", "令和３年５月２１日"),
        ("和暦・漢数字", "令和三年五月二十一日"),
        ("和暦・曜日つき", "令和3年5月21日(金)"),
        ("略記・点", "R3.5.21"),
        ("略記・2 桁", "R03.05.21"),
        ("略記・斜線", "R3/5/21"),
        ("西暦・漢数字", "二〇二一年五月二十一日"),
        ("西暦・曜日つき", "2021年5月21日(金)"),
        ("斜線・2 桁", "2021/05/21"),
        ("点", "2021.5.21"),
    ],
)
def test_a_day_is_written_in_each_style(style: str, written: str) -> None:
    assert dates.STYLES[style](date(2021, 5, 21)) == written


@pytest.mark.parametrize(
    ("number", "written"), [(1, "一"), (10, "十"), (11, "十一"), (20, "二十"), (64, "六十四")]
)
def test_kanji_numbers_are_those_that_one_says(number: int, written: str) -> None:
    assert dates.kanji_number(number) == written


def test_every_day_fits_the_vocabulary_and_the_length_in_every_style() -> None:
    days = [dates.FIRST_DAY + timedelta(days=offset) for offset in range(0, 64_647, 97)]
    days += [first - timedelta(days=back) for _, _, first in dates.ERAS[:4] for back in (0, 1)]
    texts = [write(day) for day in days for write in dates.STYLES.values()]

    assert dates.decode(dates.encode(texts)) == texts


def test_targets_begin_with_the_start_and_end_with_the_end() -> None:
    rows = dates.encode_targets(["2021-05-07"])

    assert rows.shape == (1, dates.TARGET_LENGTH + 1)
    assert (rows[0, 0], rows[0, -1]) == (dates.START, dates.END)
    assert dates.decode(rows) == ["2021-05-07"]


def test_decoding_stops_at_the_first_end() -> None:
    two, dash = dates.VOCABULARY.index("2"), dates.VOCABULARY.index("-")

    assert dates.decode([[dates.START, two, dash, dates.END, two, dates.PAD]]) == ["2-"]


@pytest.mark.parametrize(("text", "reason"), [("2021年5月x日", "使えない文字"), ("1" * 15, "より長い")])
def test_what_cannot_be_encoded_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        dates.encode([text])


def test_no_day_is_on_two_sides() -> None:
    made = dates.make_dates(3, train=5000, validation=200, test=300)
    train, validation, test = (set(pairs.days) for pairs in (made.train, made.validation, made.test))

    assert (len(made.train), len(made.validation), len(made.test)) == (5000, 200, 300)
    assert (len(validation), len(test)) == (200, 300)
    assert not train & validation | train & test | validation & test


def test_same_seed_gives_the_same_pairs_and_another_seed_others() -> None:
    first, again, other = (dates.make_dates(seed, 50, 20, 20).test for seed in (1, 1, 2))

    assert (first.texts, first.wanted) == (again.texts, again.wanted)
    assert first.texts != other.texts


@pytest.mark.parametrize(
    ("text", "copied"),
    [
        ("2021年5月7日", "2021-05-07"),
        ("２０２１年５月７日", "2021-05-07"),
        ("R3.5.7", "0003-05-07"),
        ("令和三年五月七日", ""),
    ],
)
def test_copy_rule_knows_neither_eras_nor_kanji(text: str, copied: str) -> None:
    assert dates.copy_rule(text) == copied


def test_exact_match_counts_whole_answers() -> None:
    assert dates.exact_match(["a", "b", "cc", "d"], ["a", "b", "c", "x"]) == 0.5
    assert np.isclose(dates.exact_match(["a"], ["a"]), 1)
