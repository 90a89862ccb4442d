import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient

from course_utils import claims, plots

HISTORIES = {
    "転移学習": {"accuracy": [0.4, 0.6, 0.7], "val_accuracy": [0.4, 0.5, 0.55], "loss": [2.0, 1.0, 0.5]},
    "微調整": {"accuracy": [0.5, 0.8], "val_accuracy": [0.45, 0.65], "loss": [1.5, 0.7]},
}


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


def test_style_has_glyphs_and_a_plain_minus() -> None:
    figure, axis = plots.new_figure("図")
    axis.plot([-1, 1], [-1, 1], label="損失 α − β × →")
    axis.set_title("勾配のノルム(層ごと)")
    axis.legend()
    render(figure)

    assert axis.get_xticklabels()[0].get_text().startswith("-")


def test_each_line_of_the_cycle_differs_without_colour() -> None:
    styles = [str(entry["linestyle"]) for entry in plt.rcParams["axes.prop_cycle"]]

    assert len(set(styles)) == len(styles) == 7


def test_show_images() -> None:
    images = np.zeros((7, 8, 8, 3), dtype=np.uint8)
    figure = plots.show_images(images, list("abcdefg"), columns=3, heading="花")
    render(figure)

    assert [axis.get_title() for axis in figure.axes] == [*"abcdefg", "", ""]
    assert [bool(axis.images) for axis in figure.axes] == [True] * 7 + [False] * 2
    assert figure.alt.startswith("花: 7 枚を 3 行 3 列に並べた図。")


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 8, 8, 1)])
def test_show_grey_images(shape: tuple[int, ...]) -> None:
    figure = plots.show_images(np.random.default_rng(0).random(shape))
    render(figure)

    assert figure.axes[0].images[0].get_cmap().name == "gray"


def test_histories_are_told_apart_without_colour() -> None:
    figure = plots.plot_histories(HISTORIES)
    render(figure)
    (axis,) = figure.axes
    drawn = [line for line in axis.lines if np.size(line.get_xdata())]

    assert [(line.get_linestyle(), line.get_marker()) for line in drawn] == [
        ("--", "o"),
        ("-", "o"),
        ("--", "s"),
        ("-", "s"),
    ]
    np.testing.assert_array_equal(drawn[1].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(drawn[1].get_ydata(), [0.4, 0.5, 0.55])
    assert all(tick == int(tick) for tick in axis.get_xticks())
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("エポック", "精度")
    assert "「微調整」の精度は 2 エポック目に 0.650。" in figure.alt


def test_history_legend_lies_outside_the_data() -> None:
    figure = plots.plot_histories(HISTORIES, ("loss", "accuracy"), heading="学習曲線")
    render(figure)
    (legend,) = figure.legends

    assert [text.get_text() for text in legend.get_texts()] == [
        "転移学習",
        "微調整",
        "訓練(破線)",
        "検証(実線)",
    ]
    assert not any(axis.get_window_extent().overlaps(legend.get_window_extent()) for axis in figure.axes)


def test_runs_show_every_seed_and_the_median() -> None:
    figure = plots.plot_runs({"転移学習": [0.3, 0.5, 0.4], "微調整": [0.6]}, baseline=0.2, heading="5 つの種")
    render(figure)
    (axis,) = figure.axes

    assert [np.sort(line.get_ydata()).tolist() for line in axis.lines[:2]] == [[0.3, 0.4, 0.5], [0.6]]
    assert [text.get_text() for text in axis.texts] == ["0.400", "0.600", "基準\n0.200"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["転移学習", "微調整"]
    assert "「転移学習」は最小 0.300、中央値 0.400、最大 0.500。" in figure.alt


@pytest.mark.parametrize("band", [False, True])
def test_spread_is_the_median_with_the_lowest_and_the_highest(band: bool) -> None:
    figure, axis = plots.new_figure("中央値と、最小から最大まで")
    plots.draw_spread(axis, [1, 2], [[0.5, 0.1, 0.3], [0.4, 0.8]], 1, "方法", band=band)
    render(figure)

    (reach,) = axis.collections
    corners = np.concatenate([path.vertices for path in reach.get_paths()])
    for x, low, high in ((1, 0.1, 0.5), (2, 0.4, 0.8)):
        heights = corners[corners[:, 0] == x][:, 1]
        np.testing.assert_allclose([heights.min(), heights.max()], [low, high])
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [0.3, 0.6])
    assert axis.get_legend_handles_labels()[1] == ["方法"]


def test_notebook_shows_a_figure_once_with_its_alternative_text() -> None:
    cells = [
        "import numpy as np\nfrom course_utils import plots\nplots.use_course_style()",
        "plots.show_images(np.zeros((1, 8, 8)), alt='最後の行')",
        "figure = plots.show_images(np.zeros((1, 8, 8)), alt='途中の行')\nprint('そのあと')",
        "plots.plot_runs({'転移': [0.5]}, alt='一つ目')\nplots.plot_runs({'転移': [0.5]}, alt='二つ目')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])

    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()

    shown = [[picture(output) for output in cell.outputs] for cell in notebook.cells]
    assert shown == [
        [],
        ["alt=最後の行", "図の説明: 最後の行"],
        ["text", "alt=途中の行", "図の説明: 途中の行"],
        ["alt=一つ目", "図の説明: 一つ目", "alt=二つ目", "図の説明: 二つ目"],
    ]


def picture(output: nbformat.NotebookNode) -> str:
    """Says what an output shows, without the picture itself."""
    if output.output_type == "stream":
        return str(output.name).replace("stdout", "text")
    if "image/png" in output.data:
        return f"alt={output.metadata['image/png']['alt']}"
    return re.sub(r"<details><summary>(.*)</summary>(.*)</details>", r"\1: \2", output.data["text/html"])


def test_a_figure_takes_its_alternative_text_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ch05_name").mkdir()
    (tmp_path / "ch05_name" / "claims.toml").write_text(
        '[figures]\n"ch05.curve" = "横軸はエポック。"\n', "utf-8"
    )
    monkeypatch.setattr(claims, "CHAPTERS", tmp_path)

    figure, _axis = plots.new_figure("ch05.curve")

    assert figure.alt == "横軸はエポック。"
