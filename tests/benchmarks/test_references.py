from benchmarks.references import page


def test_page_counts_what_was_judged_and_what_failed() -> None:
    one = {"chapter": "ch02_b", "id": "ch02.x", "held": {"reference": [499, 500], "alternatives": [48, 50]}}
    other = {"chapter": "ch01_a", "id": "ch01.y", "held": {"reference": [50, 50], "alternatives": [0, 0]}}
    lines = page([one | {"seconds": 70.4}, other | {"seconds": 1200.0}]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert cells[2:] == [
        ["ch01.y", "50", "0", "0", "1,200"],
        ["ch02.x", "500", "50", "3", "70"],
        ["**2 exercises**", "550", "50", "3", "1,270"],
    ]
