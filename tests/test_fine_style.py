"""Fine strokes of one painting with the coarse forms of another."""

import numpy as np
import pytest

from stylize_tf import color_spaces, fine_style, stylizer
from stylize_tf.config import StyleTransferConfig
from stylize_tf.image_io import ImageError
from stylize_tf.stylizer import Stylizer

SHORT = StyleTransferConfig(size=48, coarsest_size=32, steps=(3,), precision="float32")


@pytest.fixture
def coarse():
    """Wide bands of two colors."""
    bands = np.where(np.arange(64)[:, np.newaxis] // 16 % 2, 0.7, 0.3)
    plane = np.broadcast_to(bands, [64, 48])
    return np.stack([plane, plane * 0.6, 1 - plane], axis=-1)[np.newaxis].astype(np.float32)


@pytest.fixture
def fine(rng):
    """Stripes two pixels wide, in grey."""
    plane = np.where(np.arange(64) // 2 % 2, 0.8, 0.2)[np.newaxis, :, np.newaxis]
    return np.broadcast_to(plane, [56, 64, 3])[np.newaxis].astype(np.float32)


@pytest.fixture
def content(rng):
    return rng.uniform(0.2, 0.8, size=[1, 36, 48, 3]).astype(np.float32)


@pytest.fixture
def paint(tiny_network):
    return Stylizer(SHORT, network=tiny_network)


def across(image):
    """How much neighbors in a row differ."""
    return float(np.abs(np.diff(image.mean(axis=3), axis=2)).mean())


def test_painting_takes_the_strokes_and_keeps_forms_and_colors(paint, content, coarse, fine):
    pictures = paint.pictures(content, coarse, fine_style=fine)
    stage = stylizer.pyramid.Stage(36, 48, 1)
    plain = paint.pictures(content, coarse).painting_at(0, stage, stage)
    given = pictures.painting_at(0, stage, stage)
    assert given.shape == plain.shape == (1, 48, 36, 3)
    assert across(given) > 5 * across(plain)
    # Every place keeps its color, which tells the bands apart, but for what no screen can show.
    own, wanted = (color_spaces.lab_from_srgb(x)[..., 1:].mean(axis=(0, 2)) for x in (given, plain))
    assert np.ptp(wanted, axis=0).max() > 90
    assert np.abs(own - wanted).mean() < 5


def test_painting_is_made_once_for_all_stages_and_pictures(
    paint, content, coarse, fine, monkeypatch
):
    calls = []
    take = Stylizer.__call__
    monkeypatch.setattr(
        Stylizer, "__call__", lambda self, *args: calls.append(self) or take(self, *args)
    )
    for image in (content, content[:, ::-1]):
        iterates = list(paint.iterate(image, coarse, fine_style=fine))
        assert len({x.stage for x in iterates}) > 1
    assert len(calls) == 1
    assert calls[0]._network is paint._network
    list(paint.iterate(content, [coarse, coarse[:, ::-1]], fine_style=fine))
    assert calls == [calls[0]] * 2


def test_fine_style_decides_the_pixels_and_the_checkpoint(paint, content, coarse, fine):
    expected = paint(content, coarse)
    image = paint(content, coarse, fine_style=fine)
    assert np.abs(image - expected).max() > 0.01
    np.testing.assert_array_equal(paint(content, coarse, fine_style=fine), image)
    digests = [
        paint.pictures(content, coarse, fine_style=x).digests for x in (None, fine, fine / 2)
    ]
    assert len({tuple(x) for x in digests}) == 3
    # It is of the painting, not one of its own.
    assert digests[0] == [x for x in digests[1] if not x.startswith("fine_style")]


def test_fine_style_goes_with_regions_and_with_colors(tiny_network, content, coarse, fine):
    mask = np.zeros([36, 48], np.float32)
    mask[:, :24] = 1
    for options in ({}, {"color": "luminance"}, {"color": "match"}, {"style_fit": "crop"}):
        paint = Stylizer(SHORT.replace(**options), network=tiny_network)
        masks = {"content_masks": [mask, 1 - mask]}
        image = paint(content, [coarse, 1 - coarse], fine_style=fine, **masks)
        assert np.isfinite(image).all()
        plain = paint(content, [coarse, 1 - coarse], **masks)
        assert np.abs(image - plain).max() > 0.005


def test_configuration_takes_over_the_machine_and_no_more():
    config = StyleTransferConfig(
        precision="bfloat16", memory=3.0, size=1024, content_weight=7.0, color="match", strength=0.5
    )
    made = fine_style.configuration(config)
    assert (made.precision, made.memory, made.size) == ("bfloat16", 3.0, 0)
    assert (made.color, made.content_layers, made.strength) == ("luminance", (), 1.0)
    assert made.style_layers == fine_style.LAYERS


def test_unreadable_fine_style_is_named(paint, content, coarse):
    with pytest.raises(ImageError, match=r"'nowhere\.png' does not exist"):
        paint.iterate(content, coarse, fine_style="nowhere.png")
    with pytest.raises(ImageError, match="`fine_style`"):
        paint.iterate(content, coarse, fine_style=np.zeros([3]))
