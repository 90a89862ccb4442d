import numpy as np
import pytest

from course_utils.photos import PHOTOS, load_photo


@pytest.mark.parametrize("name", PHOTOS)
def test_every_photograph_ships_and_is_cut_to_a_square(name: str) -> None:
    photo = load_photo(name, 96)

    assert photo.shape == (96, 96, 3)
    assert photo.dtype == np.uint8
    assert photo.std() > 10


def test_a_grey_photograph_gets_three_equal_channels() -> None:
    red, green, blue = np.moveaxis(load_photo("camera"), -1, 0)

    np.testing.assert_array_equal(red, green)
    np.testing.assert_array_equal(red, blue)


def test_an_unknown_name_lists_the_photographs() -> None:
    with pytest.raises(ValueError, match=r"chelsea, coffee.*Unknown photograph 'dog'"):
        load_photo("dog")
