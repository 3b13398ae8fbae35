"""Fine strokes of one painting with the coarse forms of another."""

import numpy as np
import pytest

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import fine_style
from stylize_tf.errors import ImageError
from stylize_tf.evaluation.engine import Engine
from stylize_tf.images import color_spaces
from stylize_tf.iterative import pyramid, stylizer
from stylize_tf.iterative.checkpoint import Checkpoint
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.objective.balance import build_objective
from tests.fakes.eager import eagerly

SHORT = StyleTransferConfig(size=48, coarsest_size=32, steps=(3,), precision="float32")


@pytest.fixture(autouse=True)
def few_strokes(monkeypatch):
    """Values count here, not how they are compiled, nor how good a painting becomes."""
    monkeypatch.setattr(fine_style, "STEPS", 6)
    with eagerly():
        yield


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
    """With an engine of its own, whose paintings are not those of other tests."""
    return Stylizer(SHORT, engine=Engine(tiny_network))


def across(image):
    """How much neighbors in a row differ."""
    return float(np.abs(np.diff(image.mean(axis=3), axis=2)).mean())


def test_painting_takes_the_strokes_and_keeps_forms_and_colors(
    paint, content, coarse, fine, monkeypatch
):
    monkeypatch.setattr(fine_style, "STEPS", 15)
    pictures = paint.pictures(content, coarse, fine_style=fine)
    stage = pyramid.Stage(36, 48, 1)
    pictures.take_strokes(lambda *pair: paint._take_strokes(*pair, None), stage)
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
    iterate = Stylizer.iterate

    def counted(self, *arguments, **options):
        calls.append(self)
        return iterate(self, *arguments, **options)

    monkeypatch.setattr(Stylizer, "iterate", counted)
    for image in (content, content[:, ::-1]):
        iterates = list(paint.iterate(image, coarse, fine_style=fine))
        assert len({x.stage for x in iterates}) > 1
    [inner] = [x for x in calls if x is not paint]
    assert inner.engine is paint.engine
    list(paint.iterate(content, [coarse, coarse[:, ::-1]], fine_style=fine))
    assert len([x for x in calls if x is not paint]) == 2


def test_nothing_is_painted_for_the_photograph_itself(paint, content, coarse, fine):
    strokes = []
    list(
        paint.replace(strength=0.0).iterate(
            content, coarse, fine_style=fine, on_stroke=lambda: strokes.append(1)
        )
    )
    assert not strokes


def test_what_is_raised_at_a_stroke_ends_the_run(paint, content, coarse, fine):
    strokes = []

    def stop():
        strokes.append(1)
        if len(strokes) == 5:
            raise KeyboardInterrupt

    iterates = paint.iterate(content, coarse, fine_style=fine, on_stroke=stop)
    assert not strokes  # Checked at once, begun when asked.
    with pytest.raises(KeyboardInterrupt):
        next(iterates)
    assert len(strokes) == 5
    # Half a painting is not kept.
    list(paint.iterate(content, coarse, fine_style=fine, on_stroke=lambda: strokes.append(1)))
    assert len(strokes) == 5 + fine_style.STEPS


def test_killed_run_goes_on_to_the_same_picture(
    tiny_network, content, coarse, fine, tmp_path, monkeypatch
):
    """Also where the painting is cropped to stages of different shape, by rounding."""
    monkeypatch.setattr(Checkpoint, "is_due", lambda self: True)
    config = SHORT.replace(style_fit="crop", steps=(4, 3))
    content = content[:, :31]
    expected = Stylizer(config, engine=Engine(tiny_network))(content, coarse, fine_style=fine)
    paint = Stylizer(config, engine=Engine(tiny_network))
    for iterate in paint.iterate(
        content, coarse, checkpoint=Checkpoint(tmp_path, 0), fine_style=fine
    ):
        if (iterate.stage, iterate.step) == (2, 1):
            break
    again = Stylizer(config, engine=Engine(tiny_network))
    iterates = list(
        again.iterate(content, coarse, checkpoint=Checkpoint(tmp_path, 0), fine_style=fine)
    )
    assert iterates[0].stage == 2
    np.testing.assert_array_equal(iterates[-1].image, expected)


def test_time_budget_pays_for_the_strokes_once(paint, content, coarse, fine, monkeypatch):
    seen = []
    run = stylizer.Run

    def recorded(*arguments, **options):
        seen.append(arguments[1])
        return run(*arguments, **options)

    monkeypatch.setattr(stylizer, "Run", recorded)
    list(paint.replace(time_budget=1000.0).iterate(content, coarse, fine_style=fine))
    inner, outer = seen
    assert inner == 0
    assert 900 < outer < 1000


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


def test_fine_style_goes_with_regions_and_with_colors(paint, content, coarse, fine):
    mask = np.zeros([36, 48], np.float32)
    mask[:, :24] = 1
    masks = {"content_masks": [mask, 1 - mask]}
    for options in ({"color": "luminance"}, {"color": "match", "style_fit": "crop"}):
        own = paint.replace(coarsest_size=0, **options)
        image = own(content, [coarse, 1 - coarse], fine_style=fine, **masks)
        assert np.isfinite(image).all()
        plain = own(content, [coarse, 1 - coarse], **masks)
        assert np.abs(image - plain).max() > 0.005


def test_configuration_takes_over_the_machine_and_no_more():
    config = StyleTransferConfig(
        precision="bfloat16", memory=3.0, padding="reflect", pooling="average", color_space="oklab"
    )
    expected = fine_style.configuration(config)
    made = ("precision", "memory", "padding", "pooling", "color_space")
    assert [getattr(expected, name) for name in made] == [getattr(config, name) for name in made]
    assert (expected.color, expected.content_layers) == ("luminance", ())
    assert expected.style_layers == fine_style.LAYERS
    # The painting's great forms are kept by nothing but the start.
    terms = [term.name for term in build_objective(expected, {}).terms]
    assert (terms, expected.coarse_style_weight) == (["style", "patches", "total_variation"], 0)
    others = {"size": 1024, "content_weight": 7.0, "color": "match", "strength": 0.5, "seed": 3}
    others |= {"style_loss": "gram", "optimizer": "adam", "style_scale": 0.5, "time_budget": 9.0}
    assert fine_style.configuration(config.replace(**others)) == expected


def test_unreadable_fine_style_is_named(paint, content, coarse):
    with pytest.raises(ImageError, match=r"'nowhere\.png' does not exist"):
        paint.iterate(content, coarse, fine_style="nowhere.png")
    with pytest.raises(ImageError, match="`fine_style`"):
        paint.iterate(content, coarse, fine_style=np.zeros([3]))
