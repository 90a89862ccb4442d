import sys
from collections.abc import Iterator

import pytest

from grader.worker.kernel import Silent, main_namespace
from grader.worker.workspace import run_cells


@pytest.fixture(autouse=True)
def _interpreter_as_before() -> Iterator[None]:
    modules, finders = dict(sys.modules), [*sys.meta_path]
    yield
    sys.meta_path[:] = finders
    sys.modules.clear()
    sys.modules.update(modules)


@pytest.mark.parametrize(
    "line",
    [
        "from google.colab import drive; drive.mount('/content/drive')",
        "from google.colab.patches import cv2_imshow; cv2_imshow(1)",
        "import google.colab; google.colab.output.clear()",
        "from google.colab import files, userdata; [*files.upload()]; str(userdata.get('TOKEN'))",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "get_ipython().system('pip install x')",
        "display(1)",
        "from grader import check, hint, score, solution, require; check('ch01.x'); score()",
        "import asyncio\nawait asyncio.sleep(0)",
        "if get_ipython().config: raise OSError",
    ],
)
def test_line_that_a_notebook_accepts_does_nothing_and_what_follows_runs(line: str) -> None:
    names = main_namespace()
    assert run_cells([f"{line}\ndef double(x):\n    return 2 * x"], names) == []
    assert names["double"](2) == 4


def test_other_modules_of_google_are_found_as_ever() -> None:
    names = main_namespace()
    assert run_cells(["import google.colab, google.protobuf"], names) == []
    ((_number, failure),) = run_cells(["import google.no_such_module"], names)
    assert failure.error == "ModuleNotFoundError"


def test_stand_in_is_empty_and_has_no_special_names() -> None:
    silent = Silent()
    assert (bool(silent), str(silent), [*silent]) == (False, "", [])
    assert isinstance(silent.anything(1).more, Silent)
    with pytest.raises(AttributeError):
        _ = silent.__array__
