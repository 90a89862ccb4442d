from benchmarks.references import page


def test_page_counts_what_was_judged_and_what_failed() -> None:
    one = {"chapter": "ch02_b", "id": "ch02.x", "held": {"reference": [1, 1], "alternatives": [0, 1]}}
    other = {"chapter": "ch01_a", "id": "ch01.y", "held": {"reference": [1, 1], "alternatives": [0, 0]}}
    rows = [one | {"verdicts": 1000, "seconds": 70.4}, other | {"verdicts": 50, "seconds": 1200.0}]
    lines = page(rows).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert cells[2:] == [
        ["ch01.y", "1", "50", "0", "1,200"],
        ["ch02.x", "2", "1,000", "1", "70"],
        ["**2 exercises**", "3", "1,050", "1", "1,270"],
    ]
