from collections.abc import Iterator

import pytest

from tests.course_utils.file_server import FileServer


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    with FileServer().running() as server:
        yield server
