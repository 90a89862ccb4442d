import pytest

from grader.judging.connection import Ending


@pytest.mark.parametrize(
    ("cpu", "waited", "starved"),
    [
        (2.0, 7.0, True),  # others had the processor
        (0.0, 0.0, False),  # it slept
        (9.8, 4.0, False),  # it worked all the time, in a loop without an end
        (19.0, 9.0, False),  # it took the processor from itself, in many processes
        (8.0, 0.2, False),  # it worked and read files
    ],
)
def test_starved_is_who_had_work_and_no_processor(cpu: float, waited: float, starved: bool) -> None:
    ending = Ending(killed=True, exit=-9, exceeded="", cpu=cpu, waited=waited)

    assert ending.starved(10.0) is starved
