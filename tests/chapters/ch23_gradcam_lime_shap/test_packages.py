"""The lesson's LIME and SHAP against the packages ``lime`` and ``shap``, and against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shap
from lime import lime_image
from lime.lime_tabular import LimeTabularExplainer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge

from chapters.ch23_gradcam_lime_shap import methods, sentences, taught
from chapters.ch23_gradcam_lime_shap.shapes import draw_shapes

Array = np.ndarray


def worth_of_coalitions(predict: Any, row: Array, background: Array) -> Array:
    members = methods.all_coalitions(len(row)).astype(bool)
    mixed = np.where(members[:, None, :], row, background)
    return np.asarray(predict(mixed.reshape(-1, len(row))).reshape(len(members), -1).mean(axis=1))


@pytest.fixture(scope="module")
def diabetes() -> tuple[Array, Array]:
    return load_diabetes(return_X_y=True)


def brightness(images: Array) -> Array:
    """Chances of two classes: the middle of an image is bright, or it is not."""
    chance = images[:, 16:32, 16:32].mean(axis=(1, 2, 3)) / 255
    chance = 1 / (1 + np.exp(-8 * (chance - 0.5)))
    return np.stack([1 - chance, chance], axis=1)


def test_lime_of_an_image_is_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lime_image, "tqdm", iter)
    image = draw_shapes(1, seed=3).images[0]
    pieces = methods.superpixels(image, 25)
    explainer = lime_image.LimeImageExplainer(random_state=1, feature_selection="none")
    theirs = explainer.explain_instance(
        image,
        brightness,
        labels=(1,),
        top_labels=None,
        hide_color=taught.mean_colour(image)[0, 0],
        num_samples=300,
        batch_size=100,
        segmentation_fn=lambda _: pieces,
        random_seed=0,
    ).local_exp[1]

    z = np.random.RandomState(1).randint(0, 2, 300 * (pieces.max() + 1)).reshape(300, -1)
    z[0] = 1
    scores = brightness(taught.show_only(image, pieces, z))[:, 1]
    found, _ = taught.fit_surrogate(z, scores, taught.nearness(z))

    for piece, value in theirs:
        assert found[piece] == pytest.approx(value, abs=1e-4)


def test_lime_of_a_table_is_the_packages(diabetes: tuple[Array, Array]) -> None:
    table, progress = diabetes
    trees = GradientBoostingRegressor(random_state=0).fit(table[:342], progress[:342])
    explainer = LimeTabularExplainer(
        table[:342],
        mode="regression",
        discretize_continuous=False,
        sample_around_instance=True,
        feature_selection="none",
        random_state=1,
    )
    theirs = explainer.explain_instance(table[342], trees.predict, num_samples=1000).local_exp[1]

    steps = np.random.RandomState(1).normal(size=(1000, 10))
    steps[0] = 0
    weights = np.sqrt(np.exp(-(steps**2).sum(axis=1) / (0.75**2 * 10)))
    rows = table[342] + steps * table[:342].std(axis=0)
    found, _ = taught.fit_surrogate(steps, trees.predict(rows), weights)

    for feature, value in theirs:
        assert found[feature] == pytest.approx(value, abs=1e-6)


def test_shap_of_a_table_is_the_packages(diabetes: tuple[Array, Array]) -> None:
    table, progress = diabetes
    trees = GradientBoostingRegressor(random_state=0).fit(table[:342], progress[:342])

    found = taught.exact_shapley(worth_of_coalitions(trees.predict, table[342], table[:20]))

    theirs = shap.KernelExplainer(trees.predict, table[:20]).shap_values(
        table[342], nsamples=1024, l1_reg=0, silent=True
    )
    np.testing.assert_allclose(found, theirs, atol=1e-5)


def test_shap_of_a_linear_model_is_weight_times_distance(diabetes: tuple[Array, Array]) -> None:
    table, progress = diabetes
    linear = LinearRegression().fit(table[:342], progress[:342])

    found = taught.exact_shapley(worth_of_coalitions(linear.predict, table[342], table[:20]))

    np.testing.assert_allclose(found, linear.coef_ * (table[342] - table[:20].mean(axis=0)), atol=1e-8)


def test_equal_columns_share_what_one_had(diabetes: tuple[Array, Array]) -> None:
    table, progress = diabetes
    alone = Ridge(alpha=1e-3).fit(table[:342], progress[:342]).coef_[2]
    doubled = np.column_stack([table, table[:, 2]])
    both = Ridge(alpha=1e-3).fit(doubled[:342], progress[:342]).coef_[[2, 10]]

    np.testing.assert_allclose(both / alone, 0.5, atol=0.05)


def test_text_is_explained_as_by_the_package_and_by_the_negation() -> None:
    read = sentences.train_reader()
    words = sentences.words("料理はおいしくなかったけれど、部屋は広いです。")

    found = taught.exact_shapley(read(words, methods.all_coalitions(len(words))))

    package = shap.KernelExplainer(lambda z: read(words, z), np.zeros((1, len(words))))
    theirs = package.shap_values(np.ones((1, len(words))), nsamples=2 ** len(words), l1_reg=0, silent=True)
    np.testing.assert_allclose(found, theirs[0], atol=1e-5)
    assert words[int(np.abs(found).argmax())] == "ない"


def test_reader_understands_remarks_that_it_has_not_seen() -> None:
    read = sentences.train_reader()

    right = [
        (read(words, np.ones((1, len(words))))[0] > 0.5) == bool(pleased)
        for text, pleased in sentences.UNSEEN
        for words in [sentences.words(text)]
    ]

    assert np.mean(right) >= 0.75
