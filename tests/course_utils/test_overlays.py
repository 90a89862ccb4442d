from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from course_utils.overlays import COLOURS, blend_masks, colour_map, draw_boxes


def test_boxes_are_drawn_on_the_edges_of_pixels() -> None:
    _, axis = plt.subplots()
    draw_boxes(axis, np.array([[2.0, 10, 5, 20], [0, 0, 4, 4]]), ["円 0.9", "星"], labels=np.array([0, 3]))
    first, second = axis.patches
    assert first.get_bbox().bounds == (1.5, 9.5, 3, 10)
    assert first.get_edgecolor() != second.get_edgecolor()
    assert [text.get_text() for text in axis.texts] == ["円 0.9", "星"]
    plt.close()


def test_masks_cover_only_their_pixels() -> None:
    image = np.full((8, 8, 3), 100, np.uint8)
    mask = np.zeros((1, 8, 8), bool)
    mask[0, 2:7, 2:7] = True
    blended = blend_masks(image, mask)
    assert (blended[~mask[0]] == 100).all()
    border = np.array([int(COLOURS[0][k : k + 2], 16) for k in (1, 3, 5)])
    assert blended[2, 2].tolist() == border.tolist()
    assert blended[4, 4].tolist() == np.rint(0.45 * 100 + 0.55 * border).tolist()


def test_equal_numbers_have_one_colour() -> None:
    coloured = colour_map(np.array([[0, 1], [1, 8]]))
    assert coloured[0, 1].tolist() == coloured[1, 0].tolist()
    assert coloured[0, 0].tolist() != coloured[0, 1].tolist()
