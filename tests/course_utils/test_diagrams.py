import io
import warnings
from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from course_utils import plots
from course_utils.diagrams import HIGHLIGHT, Arrow, Box, draw

BOXES = {
    "image": Box("画像", 0, 0, kind="data"),
    "trunk": Box("残差ブロック\n× 3", 1.5, 0),
    "head": Box("出力層", 3, 0),
    "scores": Box("確率", 4.5, 0, kind="result"),
}
ARROWS = [
    Arrow("image", "trunk"),
    Arrow("trunk", "head", "特徴 x"),
    Arrow("head", "scores"),
    Arrow("image", "head", "ショートカット", bend=0.5),
]


@pytest.fixture(autouse=True)
def course_style() -> Iterator[None]:
    with matplotlib.rc_context():
        plots.use_course_style()
        yield
    plt.close("all")


def render(figure: Figure) -> None:
    """Draws the figure; a glyph that no font has, or a layout that does not fit, is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")


def outlines(figure: Figure) -> dict[str, FancyBboxPatch]:
    patches = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    return dict(zip(BOXES, patches, strict=True))


def test_a_diagram_has_its_boxes_arrows_labels_and_alternative_text() -> None:
    figure = draw(BOXES, ARROWS, title="全体", alt="画像から確率までの図。")
    render(figure)
    (axis,) = figure.axes

    assert isinstance(figure, plots.DescribedFigure)
    assert figure.alt == "画像から確率までの図。"
    assert axis.get_title() == "全体"
    assert sum(isinstance(patch, FancyArrowPatch) for patch in axis.patches) == len(ARROWS)
    assert {text.get_text() for text in axis.texts} == {
        *(box.label for box in BOXES.values()),
        "特徴 x",
        "ショートカット",
    }


def test_labels_fit_into_their_boxes() -> None:
    figure = draw({**BOXES, "wide": Box("六つの文字だ", 0, 1)}, ARROWS, highlight=["wide"], alt="図")
    render(figure)
    (axis,) = figure.axes
    patches = [patch for patch in axis.patches if isinstance(patch, FancyBboxPatch)]

    for text, patch in zip(axis.texts, patches, strict=False):
        inner, outer = text.get_window_extent(), patch.get_window_extent()
        assert outer.x0 <= inner.x0 < inner.x1 <= outer.x1, text.get_text()
        assert outer.y0 <= inner.y0 < inner.y1 <= outer.y1, text.get_text()


def test_everything_lies_within_the_drawing() -> None:
    figure = draw(BOXES, ARROWS, alt="図")
    render(figure)
    (axis,) = figure.axes

    for artist in (*axis.patches, *axis.texts):
        inner = artist.get_window_extent()
        assert axis.bbox.x0 <= inner.x0 < inner.x1 <= axis.bbox.x1
        assert axis.bbox.y0 <= inner.y0 < inner.y1 <= axis.bbox.y1


def test_a_highlighted_box_differs_in_more_than_colour() -> None:
    figure = draw(BOXES, ARROWS, highlight={"trunk"}, alt="図")
    patches = outlines(figure)

    assert to_hex(patches["trunk"].get_facecolor()).upper() == HIGHLIGHT["facecolor"]
    assert patches["trunk"].get_linewidth() > 2 * patches["head"].get_linewidth()


def test_kinds_differ_without_colour() -> None:
    patches = outlines(draw(BOXES, ARROWS, alt="図"))
    shapes = {
        name: (type(patches[name].get_boxstyle()).__name__, patches[name].get_linestyle())
        for name in ("image", "trunk", "scores")
    }

    assert len(set(shapes.values())) == 3


def test_a_straight_arrow_s_label_stands_above_it_and_a_bow_s_on_it() -> None:
    figure = draw(BOXES, ARROWS, alt="図")
    heights = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}

    assert 0 < heights["特徴 x"] < 0.3
    assert heights["ショートカット"] == pytest.approx(0.5 * 3 / 2)


def test_highlighting_leaves_the_drawing_where_it_was() -> None:
    plain, again = (draw(BOXES, ARROWS, highlight=names, alt="図") for names in ((), ("head",)))

    assert plain.get_size_inches() == pytest.approx(again.get_size_inches())
    np.testing.assert_allclose(plain.axes[0].get_xlim(), again.axes[0].get_xlim())


@pytest.mark.parametrize(
    ("arrows", "highlight"), [([Arrow("image", "haed")], ()), (ARROWS, ("haed",))], ids=["arrow", "highlight"]
)
def test_an_unknown_box_is_named(arrows: list[Arrow], highlight: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="haed"):
        draw(BOXES, arrows, highlight=highlight, alt="図")
