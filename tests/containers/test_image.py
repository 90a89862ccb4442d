from pathlib import Path

import pytest

from tests.containers import image
from tests.containers.image import CannotPrepare, local_paths, pip_settings

LISTED = """
:env:.cert='/etc/own.pem'
:env:.find-links='/wheels'
global.cert='/etc/theirs.pem'
global.extra-index-url='file:///a/simple file:///b/simple'
install.compile='no'
"""


def test_settings_of_the_environment_go_before_those_of_files() -> None:
    assert pip_settings(LISTED) == {
        "cert": "/etc/own.pem",
        "extra-index-url": "file:///a/simple file:///b/simple",
        "find-links": "/wheels",
    }


def test_no_settings_are_no_settings() -> None:
    assert pip_settings("") == {}


def test_files_of_settings_are_found_and_an_index_with_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mirror" / "simple").mkdir(parents=True)
    (tmp_path / "own.pem").touch()
    settings = {
        "cert": str(tmp_path / "own.pem"),
        "extra-index-url": f"{(tmp_path / 'mirror' / 'simple').as_uri()} file:///not_there/simple",
        "find-links": str(tmp_path / "not_there"),
        "timeout": "180",
    }
    assert local_paths(settings) == [tmp_path / "mirror", tmp_path / "own.pem"]


def test_one_who_cannot_install_is_told_so_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image.os, "getuid", lambda: 1000)
    with pytest.raises(CannotPrepare, match=r"root として.*make image.* / Run make containers as root"):
        image.install()
