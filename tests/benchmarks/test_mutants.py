from benchmarks.mutants import page


def test_page_sums_each_chapter_and_shows_no_line_of_an_answer() -> None:
    tally = {"chapter": "ch01_numbers", "made": 9, "equivalent": 1, "hidden": 1}
    one = tally | {"id": "ch01.double", "visible": 5, "survivors": ["return x  →  return 0"]}
    other = tally | {"id": "ch01.area", "visible": 7, "survivors": []}
    lines = page([one, other]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert cells[2] == ["ch01.double", "9", "1", "7", "5", "1", "1", "85.7", "71.4"]
    assert cells[4] == ["**ch01**", "18", "2", "15", "12", "2", "1", "93.3", "80.0"]
    assert not [line for line in lines if "return x" in line]
