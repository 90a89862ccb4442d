from benchmarks.tables import table


def test_numbers_stand_to_the_right() -> None:
    assert table(["what", "s"], [["ours", "1.5"], ["x", "10.25"]]).splitlines() == [
        "| what |     s |",
        "| ---- | ----: |",
        "| ours |   1.5 |",
        "| x    | 10.25 |",
    ]


def test_japanese_letters_take_two_columns() -> None:
    assert table(["a", "b"], [["深層", "1"]], left=2).splitlines() == [
        "| a    | b |",
        "| ---- | - |",
        "| 深層 | 1 |",
    ]
