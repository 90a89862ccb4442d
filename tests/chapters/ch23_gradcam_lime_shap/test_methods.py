"""Grad-CAM, LIME and SHAP against closed forms; what measures them against cases worked by hand."""

from __future__ import annotations

from itertools import permutations

import cv2
import keras
import numpy as np
import pytest

from chapters.ch23_gradcam_lime_shap import methods, taught
from chapters.ch23_gradcam_lime_shap.methods import Array
from chapters.ch23_gradcam_lime_shap.shapes import draw_shapes


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def pooled_network() -> keras.Model:
    """A convolution, global average pooling and a dense head."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(5, 3, padding="same", activation="relu", name="maps")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, keras.layers.Dense(4, name="logits")(pooled))


def test_grad_cam_of_a_pooled_network_is_cam(rng: np.random.Generator) -> None:
    model = pooled_network()
    images = rng.normal(size=(3, 8, 8, 3)).astype("float32")
    classes = np.array([2, 0, 3])
    features = keras.Model(model.inputs, model.get_layer("maps").output).predict(images, verbose=0)
    kernel = model.get_layer("logits").kernel.numpy()

    maps = taught.gradcam_maps(model, "maps", images, classes)

    cam = np.einsum("nhwk,kn->nhw", features, kernel[:, classes]) / 64
    np.testing.assert_allclose(maps, np.maximum(cam, 0), atol=1e-6)
    assert maps.max() > 0.01


def test_enlarge_keeps_the_place_of_the_maximum() -> None:
    maps = np.zeros((1, 4, 4), "float32")
    maps[0, 1, 2] = 1

    large = methods.enlarge(maps, 16)

    row, column = np.unravel_index(large[0].argmax(), (16, 16))
    assert large.shape == (1, 16, 16)
    assert (row // 4, column // 4) == (1, 2)


def test_superpixels_are_numbered_from_0_without_gaps() -> None:
    pieces = methods.superpixels(draw_shapes(1, seed=1).images[0], 20)

    np.testing.assert_array_equal(np.unique(pieces), np.arange(pieces.max() + 1))
    assert 5 < pieces.max() < 40


def test_show_only_hides_what_is_not_in_the_coalition() -> None:
    image = np.arange(48, dtype="uint8").reshape(4, 4, 3)
    pieces = np.repeat([0, 1], 8).reshape(4, 4)

    whole, nothing, top = taught.show_only(image, pieces, np.array([[1, 1], [0, 0], [1, 0]]))

    np.testing.assert_array_equal(whole, image)
    np.testing.assert_array_equal(nothing, taught.mean_colour(image))
    np.testing.assert_array_equal(top[:2], image[:2])
    np.testing.assert_array_equal(top[2:], taught.mean_colour(image)[2:])


def test_nearness_falls_with_the_distance() -> None:
    weights = taught.nearness(np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]))

    assert weights[0] == 1
    assert (np.diff(weights) < 0).all()
    assert weights[2] == pytest.approx(np.sqrt(np.exp(-(0.5**2) / 0.25**2)))


def test_surrogate_without_penalty_recovers_a_linear_model(rng: np.random.Generator) -> None:
    samples, true = rng.integers(0, 2, (60, 5)), rng.normal(size=5)

    found, intercept = taught.fit_surrogate(samples, 2 + samples @ true, rng.uniform(0.1, 1, 60), ridge=0)

    np.testing.assert_allclose(found, true, atol=1e-10)
    assert intercept == pytest.approx(2)


def test_surrogate_is_scikit_learns(rng: np.random.Generator) -> None:
    from sklearn.linear_model import Ridge

    samples, scores, weights = rng.integers(0, 2, (40, 6)), rng.normal(size=40), rng.uniform(0.1, 1, 40)

    found, intercept = taught.fit_surrogate(samples, scores, weights, ridge=1.5)

    expected = Ridge(alpha=1.5).fit(samples, scores, sample_weight=weights)
    np.testing.assert_allclose(found, expected.coef_, atol=1e-10)
    assert intercept == pytest.approx(expected.intercept_)


def pieces_that_count(image: Array, pieces: Array, true: Array) -> methods.Predict:
    """A model that adds up the weights of the pieces that are shown."""

    def predict(images: Array) -> Array:
        shown = (images == image).all(axis=3)
        present = np.stack([shown[:, pieces == piece].all(axis=1) for piece in range(len(true))], axis=1)
        return np.asarray(present @ true)

    return predict


def test_lime_and_shap_find_the_piece_that_counts(rng: np.random.Generator) -> None:
    image = rng.integers(0, 120, (8, 8, 3)).astype("uint8")
    image[0, 0] = 255
    pieces = np.arange(4).reshape(2, 2).repeat(4, axis=0).repeat(4, axis=1)
    true = np.array([0.1, -0.3, 0.7, 0.0])
    predict = pieces_that_count(image, pieces, true)

    lime, fit = methods.lime_image(predict, image, pieces, 400, rng)
    shap = methods.shap_image(predict, image, pieces, 100, rng)

    np.testing.assert_allclose(lime, true, atol=0.02)
    assert fit > 0.99
    np.testing.assert_allclose(shap, true, atol=1e-10)


def average_over_orders(scores: Array, players: int) -> Array:
    """Shapley values as the mean over all orders of arrival."""
    gains = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        coalition = 0
        for player in order:
            gains[player] += scores[coalition | 1 << player] - scores[coalition]
            coalition |= 1 << player
    return gains / len(orders)


def test_shapley_values_are_the_mean_over_all_orders(rng: np.random.Generator) -> None:
    scores = rng.normal(size=32)

    np.testing.assert_allclose(taught.exact_shapley(scores), average_over_orders(scores, 5), atol=1e-12)


def test_shapley_values_keep_the_axioms(rng: np.random.Generator) -> None:
    members, game = methods.all_coalitions(6), rng.normal(size=64)
    swapped = members.copy()
    swapped[:, [0, 1]] = swapped[:, [1, 0]]
    alike = taught.exact_shapley((game + game[swapped @ 2 ** np.arange(6)]) / 2)
    idle = taught.exact_shapley(game[np.arange(64) & ~4])

    assert taught.exact_shapley(game).sum() == pytest.approx(game[-1] - game[0])
    assert alike[0] == pytest.approx(alike[1])
    assert idle[2] == pytest.approx(0)


def test_kernel_shap_on_all_coalitions_is_exact(rng: np.random.Generator) -> None:
    members, scores = methods.all_coalitions(6), rng.normal(size=64)
    weights = np.array([taught.shapley_kernel(6, int(row.sum())) for row in members[1:-1]])

    found = taught.kernel_shap(members[1:-1], scores[1:-1], weights, scores[0], scores[-1])

    np.testing.assert_allclose(found, taught.exact_shapley(scores), atol=1e-10)


def test_drawn_coalitions_come_with_their_complements(rng: np.random.Generator) -> None:
    drawn = methods.draw_coalitions(7, 5000, rng)

    np.testing.assert_array_equal(drawn[:2500] + drawn[2500:], 1)
    assert set(drawn.sum(axis=1)) == set(range(1, 7))
    chance = np.array([1 / (size * (7 - size)) for size in range(1, 7)])
    shares = np.bincount(drawn.sum(axis=1), minlength=7)[1:] / 5000
    np.testing.assert_allclose(shares, chance / chance.sum(), atol=0.03)


@pytest.mark.parametrize(("row", "expected"), [(0, 1.0), (3, 0.0)])
def test_pointing_game_looks_at_the_highest_point(row: int, expected: float) -> None:
    heat, box = np.zeros((4, 4)), np.zeros((4, 4), bool)
    heat[row, 1] = 2
    box[:2] = True

    assert methods.pointing_game(heat, box) == expected


def test_pointing_game_counts_a_tie_by_its_share() -> None:
    box = np.zeros((4, 4), bool)
    box[0] = True

    assert methods.pointing_game(np.ones((4, 4)), box) == 0.25


def test_tiles_are_ranked_by_their_mean(rng: np.random.Generator) -> None:
    heat = np.array([[1.0, 3.0], [0.0, 2.0]]).repeat(2, axis=0).repeat(2, axis=1)

    ranks = methods.tile_order(heat, 2, rng)

    np.testing.assert_array_equal(ranks[::2, ::2], [[2, 0], [3, 1]])
    np.testing.assert_array_equal(ranks, ranks[::2, ::2].repeat(2, axis=0).repeat(2, axis=1))


def test_insertion_and_deletion_go_from_nothing_to_all_and_back() -> None:
    image = np.zeros((4, 4, 3), "uint8")
    image[:2] = 200
    ranks = np.arange(4).reshape(2, 2).repeat(2, axis=0).repeat(2, axis=1)

    def brightness(images: Array) -> Array:
        return np.asarray((images >= 200).mean(axis=(1, 2, 3)))

    inserted, deleted = taught.insertion_and_deletion(brightness, image, ranks, steps=4)

    np.testing.assert_allclose(inserted, [0, 0.25, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(deleted, [0.5, 0.25, 0, 0, 0])
    assert methods.area(inserted) == pytest.approx(0.375)


def test_rank_correlation_shares_ranks_among_equals() -> None:
    first, second = np.array([1, 2, 2, 4, 0.0]), np.array([3, 3, 1, 9, -2.0])

    ranks = [2, 3.5, 3.5, 5, 1], [3.5, 3.5, 2, 5, 1]
    assert methods.rank_correlation(first, second) == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert methods.rank_correlation(first, np.exp(first)) == pytest.approx(1)
    assert methods.rank_correlation(first, np.ones(5)) == 0


def test_edges_lie_where_the_brightness_changes() -> None:
    image = np.zeros((1, 6, 6, 3))
    image[:, :, 3:] = 90

    found = methods.edges(image)[0]

    assert (found[:, 2:4] > 0).all()
    assert not found[:, [0, 1, 4, 5]].any()


def test_colours_of_the_map_are_on_it_and_purple_is_not() -> None:
    on = cv2.applyColorMap(np.arange(0, 256, 5, dtype="uint8")[None], cv2.COLORMAP_JET)
    purple = np.full((1, 4, 3), (128, 0, 128), "uint8")

    assert methods.share_off_the_colour_map(on) == 0
    assert methods.share_off_the_colour_map(np.concatenate([purple, on[:, :4]])) == 0.5


def test_hiding_a_piece_by_its_own_mean_hides_nothing_of_one_colour() -> None:
    image = np.repeat(np.array([[[10, 20, 30]], [[200, 90, 0]]], "uint8"), 4, axis=1)
    pieces = np.repeat([[0], [1]], 4, axis=1)
    own = np.stack([image[pieces == piece].mean(axis=0) for piece in (0, 1)])[pieces].round()

    np.testing.assert_array_equal(own, image)
    assert not np.array_equal(taught.show_only(image, pieces, np.array([[1, 0]]))[0], image)
