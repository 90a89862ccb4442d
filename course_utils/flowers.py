"""A procedural set of flower pictures: five kinds, drawn with OpenCV, no photograph needed.

The kinds differ in form. Colour helps only a little, because the palettes overlap, and place, scale,
view, light, background and sharpness vary, as they do in photographs.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

CLASS_NAMES: tuple[str, ...] = ("dandelion", "daisy", "tulips", "sunflowers", "roses")
"""Kinds in label order, the order of ``tf_flowers``."""

Image = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]

_CANVAS = 160
_TURN = np.linspace(0, 2 * np.pi, 25)[:-1]
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_YELLOW, _WHITE, _PINK, _RED, _ORANGE, _PURPLE = (
    (245, 205, 40),
    (240, 238, 230),
    (235, 130, 165),
    (200, 35, 50),
    (240, 140, 40),
    (150, 80, 180),
)


def draw_flowers(count_per_class: int, size: int, seed: int) -> tuple[Image, npt.NDArray[np.int64]]:
    """Draws a balanced set of flower pictures.

    Args:
        count_per_class: Pictures of each kind.
        size: Width and height in pixels.
        seed: Seed; the same seed gives the same pictures on every machine.

    Returns:
        RGB pictures of shape ``(5 * count_per_class, size, size, 3)`` and their labels
        ``(5 * count_per_class,)``, the kinds in turn.
    """
    labels = np.tile(np.arange(len(CLASS_NAMES)), count_per_class)
    pictures = [
        draw_flower(int(label), size, np.random.default_rng([seed, i])) for i, label in enumerate(labels)
    ]
    return np.stack(pictures), labels


def draw_flower(label: int, size: int, rng: np.random.Generator) -> Image:
    """Draws one picture.

    Args:
        label: Index into :data:`CLASS_NAMES`.
        size: Width and height in pixels.
        rng: Source of everything that varies.

    Returns:
        RGB picture of shape ``(size, size, 3)``.
    """
    canvas = _background(rng)
    heads = int(rng.choice([1, 1, 2, 3]))
    for _ in range(heads):
        radius = rng.uniform(26, 58) / (1 + 0.25 * (heads - 1))
        centre = rng.uniform(0.24 * _CANVAS, 0.76 * _CANVAS, 2)
        _stem(canvas, centre, radius, rng)
        _HEADS[label](canvas, centre, radius, rng)
    for _ in range(int(rng.integers(0, 3))):
        _blade(canvas, rng)
    picture = cv2.resize(_photograph(canvas, rng), (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _vary(colour: Colour, rng: np.random.Generator, amount: float = 28) -> Colour:
    r, g, b = np.clip(np.array(colour) + rng.normal(0, amount, 3), 0, 255)
    return float(r), float(g), float(b)


def _pick(rng: np.random.Generator, colours: list[Colour], weights: list[float]) -> Colour:
    return _vary(colours[rng.choice(len(colours), p=np.array(weights) / sum(weights))], rng)


def _polygon(canvas: npt.NDArray[np.float32], points: npt.NDArray[np.float64], colour: Colour) -> None:
    fixed = np.rint(points * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour, lineType=cv2.LINE_8, shift=4)


def _ellipse_points(
    centre: npt.NDArray[np.float64], axes: tuple[float, float], angle: float
) -> npt.NDArray[np.float64]:
    local = _CIRCLE * np.array(axes)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return centre + local @ turn.T


def _background(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    colours: list[Colour] = [
        (60, 110, 50),
        (110, 140, 80),
        (90, 80, 60),
        (150, 185, 215),
        (30, 40, 35),
        (180, 175, 165),
    ]
    first, second = (np.array(_pick(rng, colours, [3, 2, 1, 1, 1, 1])) for _ in range(2))
    low = rng.random((int(rng.integers(3, 9)),) * 2)
    blend = cv2.resize(low, (_CANVAS, _CANVAS), interpolation=cv2.INTER_LINEAR)[..., None]
    canvas = (first * blend + second * (1 - blend)).astype(np.float32)
    for _ in range(int(rng.integers(2, 14))):
        _blade(canvas, rng)
    for _ in range(int(rng.integers(0, 7))):
        colour = _pick(rng, [_YELLOW, _WHITE, _PINK, _RED, _PURPLE], [1] * 5)
        _polygon(
            canvas, _ellipse_points(rng.uniform(0, _CANVAS, 2), tuple(rng.uniform(3, 13, 2)), 0.0), colour
        )
    blur = rng.uniform(0.5, 4)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur), dtype=np.float32)


def _blade(canvas: npt.NDArray[np.float32], rng: np.random.Generator) -> None:
    length, width, angle = rng.uniform(20, 80), rng.uniform(2, 9), rng.uniform(0, np.pi)
    colour = _pick(rng, [(50, 120, 45), (100, 150, 70), (120, 100, 60)], [3, 2, 1])
    _polygon(canvas, _ellipse_points(rng.uniform(0, _CANVAS, 2), (length / 2, width / 2), angle), colour)


def _stem(
    canvas: npt.NDArray[np.float32],
    centre: npt.NDArray[np.float64],
    radius: float,
    rng: np.random.Generator,
) -> None:
    foot = centre + np.array([rng.normal(0, 18), _CANVAS])
    colour = _vary((70, 125, 55), rng)
    start, end = (tuple(int(v) for v in np.rint(p)) for p in (centre, foot))
    cv2.line(canvas, start, end, colour, thickness=int(max(2, radius * 0.1)))


def _tilt(
    points: npt.NDArray[np.float64], centre: npt.NDArray[np.float64], squash: float
) -> npt.NDArray[np.float64]:
    return centre + (points - centre) * np.array([1.0, squash])


def _rays(
    canvas: npt.NDArray[np.float32],
    centre: npt.NDArray[np.float64],
    rng: np.random.Generator,
    *,
    count: int,
    inner: float,
    outer: float,
    width: float,
    colour: Colour,
    squash: float,
) -> None:
    offset = rng.uniform(0, 2 * np.pi)
    for k in range(count):
        angle = offset + 2 * np.pi * (k + rng.normal(0, 0.12)) / count
        reach = outer * rng.uniform(0.85, 1.08)
        middle = centre + (inner + reach) / 2 * np.array([np.cos(angle), np.sin(angle)])
        petal = _ellipse_points(middle, ((reach - inner) / 2, width * rng.uniform(0.8, 1.2)), angle)
        shade = rng.uniform(0.78, 1.08)
        r, g, b = (min(255.0, c * shade) for c in colour)
        _polygon(canvas, _tilt(petal, centre, squash), (r, g, b))


def _disc(
    canvas: npt.NDArray[np.float32],
    centre: npt.NDArray[np.float64],
    radius: float,
    colour: Colour,
    squash: float,
    rng: np.random.Generator,
    grain: int,
) -> None:
    _polygon(canvas, _tilt(_ellipse_points(centre, (radius, radius), 0.0), centre, squash), colour)
    for _ in range(grain):
        angle, reach = rng.uniform(0, 2 * np.pi), radius * np.sqrt(rng.random()) * 0.9
        spot = centre + reach * np.array([np.cos(angle), np.sin(angle) * squash])
        shade = rng.uniform(0.6, 1.35)
        r, g, b = (min(255.0, c * shade) for c in colour)
        _polygon(canvas, _ellipse_points(spot, (radius * 0.13, radius * 0.13), 0.0), (r, g, b))


def _dandelion(
    canvas: npt.NDArray[np.float32], centre: npt.NDArray[np.float64], radius: float, rng: np.random.Generator
) -> None:
    squash = rng.uniform(0.6, 1)
    colour = _pick(rng, [_YELLOW, _ORANGE, _WHITE], [5, 1, 2])
    for share, count in ((1.0, 34), (0.78, 28), (0.52, 20)):
        _rays(
            canvas,
            centre,
            rng,
            count=count,
            inner=0,
            outer=radius * share,
            width=radius * 0.06,
            colour=colour,
            squash=squash,
        )


def _daisy(
    canvas: npt.NDArray[np.float32], centre: npt.NDArray[np.float64], radius: float, rng: np.random.Generator
) -> None:
    squash = rng.uniform(0.5, 1)
    colour = _pick(rng, [_WHITE, _PINK, _YELLOW, _PURPLE], [5, 2, 1, 1])
    count = int(rng.integers(11, 19))
    _rays(
        canvas,
        centre,
        rng,
        count=count,
        inner=radius * 0.18,
        outer=radius,
        width=radius * 0.11,
        colour=colour,
        squash=squash,
    )
    _disc(canvas, centre, radius * rng.uniform(0.2, 0.3), _vary(_YELLOW, rng), squash, rng, 12)


def _sunflower(
    canvas: npt.NDArray[np.float32], centre: npt.NDArray[np.float64], radius: float, rng: np.random.Generator
) -> None:
    squash = rng.uniform(0.5, 1)
    colour = _pick(rng, [_YELLOW, _ORANGE, _RED], [5, 2, 1])
    count = int(rng.integers(16, 25))
    for share in (1.0, 0.85):
        _rays(
            canvas,
            centre,
            rng,
            count=count,
            inner=radius * 0.35,
            outer=radius * share,
            width=radius * 0.1,
            colour=colour,
            squash=squash,
        )
    middle = _pick(rng, [(85, 55, 30), (120, 90, 40), (40, 30, 25)], [3, 2, 1])
    _disc(canvas, centre, radius * rng.uniform(0.4, 0.55), middle, squash, rng, 40)


def _tulip(
    canvas: npt.NDArray[np.float32], centre: npt.NDArray[np.float64], radius: float, rng: np.random.Generator
) -> None:
    colour = np.array(_pick(rng, [_RED, _PINK, _YELLOW, _PURPLE, _WHITE, _ORANGE], [2, 2, 2, 2, 1, 1]))
    lean = rng.normal(0, 0.25)
    open_by = rng.uniform(0.16, 0.34)
    for side, shade in ((-1, 0.82), (1, 0.9), (0, 1.05), (-0.5, 0.95), (0.5, 1.0)):
        angle = np.pi / 2 + lean + side * open_by
        middle = centre + radius * np.array([side * 0.36, -0.05 * abs(side)])
        petal = _ellipse_points(middle, (radius * 0.8, radius * 0.33), angle)
        r, g, b = np.clip(colour * shade * rng.uniform(0.93, 1.05), 0, 255)
        _polygon(canvas, petal, (float(r), float(g), float(b)))


def _rose(
    canvas: npt.NDArray[np.float32], centre: npt.NDArray[np.float64], radius: float, rng: np.random.Generator
) -> None:
    colour = np.array(_pick(rng, [_RED, _PINK, _WHITE, _YELLOW, _ORANGE], [3, 2, 1, 1, 1]))
    squash = rng.uniform(0.7, 1)
    turn = rng.uniform(0, 2 * np.pi)
    for ring, share in enumerate(np.linspace(1, 0.18, 6)):
        for k in range(5):
            angle = turn + ring * 0.7 + 2 * np.pi * k / 5
            middle = centre + radius * share * 0.42 * np.array([np.cos(angle), np.sin(angle)])
            petal = _ellipse_points(middle, (radius * share * 0.6, radius * share * 0.48), angle)
            shade = rng.uniform(0.62, 1.12) * (0.75 + 0.25 * share)
            r, g, b = np.clip(colour * shade, 0, 255)
            _polygon(canvas, _tilt(petal, centre, squash), (float(r), float(g), float(b)))


def _photograph(canvas: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    angle = float(rng.normal(0, 18))
    turn = cv2.getRotationMatrix2D((_CANVAS / 2, _CANVAS / 2), angle, float(rng.uniform(1.0, 1.25)))
    view = cv2.warpAffine(canvas, turn, (_CANVAS, _CANVAS), borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        view = view[:, ::-1]
    view = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(view), (0, 0), float(rng.uniform(0.6, 2.6))))
    light = np.linspace(rng.uniform(0.6, 1.1), rng.uniform(0.6, 1.2), _CANVAS)[None, :, None]
    tint = rng.normal(1, 0.1, 3)
    noise = rng.normal(0, rng.uniform(2, 14), view.shape)
    return (view * light * tint + noise).astype(np.float32)


_HEADS: tuple[Callable[..., None], ...] = (_dandelion, _daisy, _tulip, _sunflower, _rose)
