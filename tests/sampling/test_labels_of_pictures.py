"""Names and colors in pictures: what no font has, and classes of points."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gan_runner.data import Space
from gan_runner.sampling.pictures import figure
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.pictures.figure import label_text


def test_a_letter_that_no_font_has_is_shown_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figure, "_fonts", lambda: ("DejaVu Sans",))
    figure._is_drawn.cache_clear()
    assert label_text("猫 größe собака", limit=40) == r"\u732b größe собака"
    assert len(label_text("猫" * 40, limit=20)) == 20
    figure._is_drawn.cache_clear()


def test_points_have_the_colors_of_their_classes() -> None:
    points, space = torch.randn(60, 2), Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))
    plain = draw_examples(points, space)
    labeled = draw_examples(points, space, labels=torch.arange(60) % 3, class_names=("a", "b", "c"))
    blue, orange = (0, 114, 178), (230, 159, 0)
    for picture, colors in ((plain, [blue]), (labeled, [blue, orange])):
        found = {tuple(pixel) for pixel in np.asarray(picture).reshape(-1, 3).tolist()}
        assert found & {blue, orange} == set(colors)
    many = draw_examples(points, space, labels=torch.arange(60), class_names=tuple("ab" * 30))
    assert np.asarray(many).shape == np.asarray(plain).shape
