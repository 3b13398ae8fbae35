"""What a run was given: cropped, colored, masked, and shown again."""

import dataclasses

import numpy as np
import pytest

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import color
from stylize_tf.control.color_modes import MODES
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import color_spaces, image_io
from stylize_tf.iterative.pictures import Pictures, cropped
from stylize_tf.iterative.pyramid import Stage
from stylize_tf.iterative.sources import Sources

PLAIN = StyleTransferConfig(mask_feather=0.0)
STAGE = Stage(20, 30, 1)


@pytest.fixture
def photograph(rng):
    return picture(rng, 40, 60)


@pytest.fixture
def painting(rng):
    return picture(rng, 30, 24)


def picture(rng, height, width):
    return rng.uniform(0.1, 0.9, size=[1, height, width, 3]).astype(np.float32)


def right_half(height, width):
    mask = np.zeros([height, width], np.float32)
    mask[:, width // 2 :] = 1
    return mask


def given(content, styles, content_masks=(), style_masks=(), **options):
    sources = Sources.of(content, styles, None, content_masks, style_masks)
    return Pictures(PLAIN.replace(**options), sources)


# Masks.


def test_without_masks_all_of_the_picture_is_one_region(photograph, painting):
    found = given(photograph, [painting])
    assert found.mask_count == 0
    assert [tuple(x) for x in found.regions] == [((0,), (1.0,), (None,))]
    image = np.zeros([1, 20, 30, 3], np.float32)
    assert found.finished(image, None) is image


def test_a_mask_of_ones_is_no_mask(photograph, painting):
    for masks in ([np.ones([40, 60])], ["alpha"]):
        found = given(photograph, [painting], masks)
        assert found.mask_count == 0
        assert found.digests == given(photograph, [painting]).digests


def test_a_single_mask_need_not_be_in_a_list(photograph, painting, tmp_path):
    mask = right_half(40, 60)
    image_io.write(tmp_path / "mask.png", np.dstack([mask] * 3))
    expected = given(photograph, [painting], [mask]).masks_at(STAGE)
    for alone in (mask, str(tmp_path / "mask.png"), tmp_path / "mask.png"):
        found = given(photograph, [painting], alone)
        assert found.mask_count == 1
        np.testing.assert_array_equal(found.masks_at(STAGE), expected)
    see_through = np.dstack([photograph[0], mask])
    np.testing.assert_allclose(
        given(see_through, [painting], "alpha").masks_at(STAGE), expected, atol=1e-5
    )
    [region] = given(photograph, [painting], style_masks=right_half(30, 24)).regions
    np.testing.assert_array_equal(region.masks[0][0, :, :, 0], right_half(30, 24))


def test_masks_are_brought_to_the_size_of_a_stage(photograph, painting):
    small, large = right_half(20, 30), 1 - right_half(80, 120)
    found = given(photograph, [painting, painting], [small, large]).masks_at(Stage(40, 60, 1))
    assert (found.shape, found.dtype) == ((1, 40, 60, 2), np.float32)
    np.testing.assert_allclose(found[:, :, 34:], [[[[1, 0]]]] * np.ones([1, 40, 26, 1]))
    np.testing.assert_allclose(found[:, :, :26], [[[[0, 1]]]] * np.ones([1, 40, 26, 1]))
    soft = given(photograph, [painting], [small], mask_feather=0.05).masks_at(Stage(40, 60, 1))
    assert 0 < soft[0, 0, 27, 0] < 0.5 < soft[0, 0, 33, 0] < 1


def test_masks_are_cropped_with_the_photograph(photograph, painting):
    mask = right_half(40, 60)
    mask[:, 55:] = 0
    whole = given(photograph, [painting], [mask], crop="square")
    by_hand = given(photograph[:, :, 10:50], [painting], [mask[:, 10:50]])
    stage = Stage(40, 40, 1)
    np.testing.assert_array_equal(whole.masks_at(stage), by_hand.masks_at(stage))
    np.testing.assert_array_equal(whole.photograph, photograph[:, :, 10:50])
    assert whole.digests == by_hand.digests


def test_masks_of_paintings_are_cropped_with_them(photograph, painting):
    mask = right_half(30, 24)
    found = given(photograph, [painting], style_masks=[mask], style_fit="crop")
    of_painting = found.painting_at(0, STAGE, STAGE)
    at_stage = found.style_mask_at(found.regions[0].masks[0], STAGE, of_painting)
    assert at_stage.shape == (1, 20, 30, 1)
    expected = image_io.resize(cropped(mask[np.newaxis, ..., np.newaxis], 1.5), 20, 30)
    np.testing.assert_allclose(at_stage, expected)


def test_masks_of_which_cropping_leaves_nothing_are_refused(photograph, painting):
    border = np.zeros([40, 60], np.float32)
    border[:, 52:] = 1
    assert given(photograph, [painting], [border]).mask_count == 1
    with pytest.raises(ImageError, match=r"`content_mask` holds no region.*cropping"):
        given(photograph, [painting], [border], crop="square")
    top = np.zeros([30, 24], np.float32)
    top[:5] = 1
    given(photograph, [painting], style_masks=[top])
    with pytest.raises(ImageError, match=r"`style_mask` holds no region.*cropping"):
        given(photograph, [painting], style_masks=[top], style_fit="crop")
    # Of a square photograph another part is cut off.
    given(photograph[:, :, :32], [painting], style_masks=[top], style_fit="crop")


def test_a_style_mask_is_of_its_own_painting(rng, photograph, painting):
    wide = picture(rng, 20, 40)
    masks = [right_half(30, 24), right_half(20, 40)]
    found = given(photograph, [painting, wide], style_masks=masks)
    assert [mask.shape for mask in found.regions[0].masks] == [(1, 30, 24, 1), (1, 20, 40, 1)]
    with pytest.raises(ImageError, match="`style_mask` must have the shape of its picture, 24x30"):
        given(photograph, [painting, wide], style_masks=masks[::-1])
    # Of one painting for several regions each has a part.
    halves = [right_half(40, 60), 1 - right_half(40, 60)]
    parts = [right_half(30, 24), 1 - right_half(30, 24)]
    found = given(photograph, [painting], halves, parts)
    assert [region.paintings for region in found.regions] == [(0,), (0,)]
    for region, part in zip(found.regions, parts, strict=True):
        np.testing.assert_array_equal(region.masks[0][0, :, :, 0], part)


def test_wrong_masks_are_refused_by_name(photograph, painting):
    good = right_half(40, 60)
    with pytest.raises(ImageError, match="`content_mask` must have the shape of its picture"):
        given(photograph, [painting], [right_half(60, 40)])
    with pytest.raises(ImageError, match=r"`content_mask`.*black everywhere"):
        given(photograph, [painting], [0 * good])
    with pytest.raises(ImageError, match=r"`style_mask`.*black everywhere"):
        given(photograph, [painting], style_masks=[np.zeros([30, 24])])
    with pytest.raises(ConfigError, match="one `style`, or one for each `content_mask`"):
        given(photograph, [painting] * 2, [good] * 3)
    # What does not fit is told before what cannot be read.
    with pytest.raises(ConfigError, match="one `style_mask` for each `style`, 1 of them"):
        given(photograph, [painting], style_masks=["nowhere.png", "nowhere.png"])


# Sizes.


@pytest.mark.parametrize("fit", ["own", "resize", "crop"])
@pytest.mark.parametrize("style_scale", [0.5, 1.0])
def test_a_painting_is_kept_no_larger_than_it_will_be_seen(rng, photograph, fit, style_scale):
    large = image_io.resize(picture(rng, 15, 10), 300, 200)
    options = {"size": 60, "style_fit": fit, "style_scale": style_scale}
    found = given(photograph, [large], **options)
    last = Stage(40, 60, 1)
    (kept,) = found.paintings
    seen = found.painting_at(0, last, last)
    assert kept.size < large.size / 10
    # What is seen at the end is what the painting itself would give.
    whole = cropped(large, 1.5) if fit == "crop" else large
    np.testing.assert_array_equal(seen, image_io.resize(whole, *seen.shape[1:3]))


def test_an_enlarged_picture_has_what_the_photograph_loses_by_being_made_small(rng, photograph):
    found, stage = given(photograph, [photograph]), Stage(40, 60, 1)
    small = image_io.resize(photograph, 20, 30)
    # Of the photograph itself nothing is lost.
    np.testing.assert_allclose(found.enlarged(small, stage), photograph, atol=1e-6)
    painted = picture(rng, 20, 30)
    lost = photograph - image_io.resize(small, 40, 60)
    expected = image_io.resize(painted, 40, 60) + lost
    np.testing.assert_allclose(found.enlarged(painted, stage), expected, atol=1e-6)
    assert np.abs(lost).max() > 0.05


def test_masks_have_the_shape_of_the_painting_that_was_given(rng, photograph):
    large = picture(rng, 300, 200)
    found = given(
        photograph, [large], style_masks=[right_half(300, 200)], size=60, style_fit="resize"
    )
    last = Stage(40, 60, 1)
    ((mask,),) = [region.masks for region in found.regions]
    seen = found.style_mask_at(mask, last, found.painting_at(0, last, last))
    assert seen.shape == (1, 40, 60, 1)
    assert (seen[:, :, :28] == 0).all()
    assert (seen[:, :, 32:] == 1).all()


def test_regions_are_found_in_the_painting_as_it_is(rng, photograph):
    large, seen = picture(rng, 300, 200), []

    def find(content, painting):
        seen.append(painting.shape)
        return np.ones((1, 4, 6, 2), np.float32), np.ones((1, 6, 4, 2), np.float32)

    config = PLAIN.replace(size=60, regions="auto:2")
    found = Pictures(config, Sources(photograph, (large,)), find_regions=find)
    assert seen == [large.shape]
    assert found.paintings[0].shape[1:3] == (60, 40)


def test_an_overlay_shows_photograph_and_painting_at_one_size(rng):
    found = given(picture(rng, 400, 600), [picture(rng, 300, 200)], size=60)
    assert found.paintings[0].shape[1:3] == (60, 40)
    height, width = found.overlay().shape[1:3]
    assert height >= 600  # Of the painting, 600x400.
    assert width >= 600 + 400


def test_a_small_painting_is_kept_as_it_is(photograph, painting):
    np.testing.assert_array_equal(given(photograph, [painting], size=60).paintings[0], painting)


# What decides the pixels.


def test_digests_tell_every_picture_and_its_part(rng):
    """Square pictures, so that one file may be any of these."""
    content, style, other = (picture(rng, 20, 20) for _ in range(3))
    one, two = right_half(20, 20), right_half(20, 20).T.copy()
    runs = [
        ([style], (), ()),
        ([other], (), ()),
        ([style, other], (), ()),
        ([other, style], (), ()),
        ([style], [one], ()),
        ([style], [two], ()),
        ([style], (), [one]),
        ([style], [one], [two]),
        ([style], [one, two], ()),
        ([style], [two, one], ()),
        ([style], [one, two], [one, two]),
        ([style], [one, two], [two, one]),
        ([style, other], (), [one, two]),
        ([style, other], [one, two], ()),
    ]
    found = [tuple(given(content, *run).digests) for run in runs]
    assert len(set(found)) == len(runs)
    assert [tuple(given(content, *run).digests) for run in runs] == found
    assert tuple(given(style, [style]).digests) not in found
    begun = [
        Pictures(PLAIN.replace(init="picture"), Sources(content, (style,), initial)).digests
        for initial in (style, other)
    ]
    assert begun[0] != begun[1]


# Colors.


def test_choices_of_colors_are_those_of_the_module():
    choices = {
        field.name: field.metadata["choices"] for field in dataclasses.fields(StyleTransferConfig)
    }
    assert choices["color"] == tuple(MODES)
    assert choices["color_space"] == tuple(color.SPACES)
    assert set(choices["color_match"]) == set(color.METHODS)


def test_colors_of_the_style_leave_everything_as_it_is(photograph, painting):
    found = given(photograph, [painting])
    np.testing.assert_array_equal(found.photograph, photograph)
    np.testing.assert_array_equal(found.paintings[0], painting)


@pytest.mark.parametrize("method", color.METHODS)
def test_matched_paintings_have_the_photographs_mean_color(photograph, painting, method):
    found = given(photograph, [painting], color="match", color_match=method)
    np.testing.assert_array_equal(found.photograph, photograph)
    [matched] = found.paintings
    # Affine maps give the mean exactly where nothing is clipped.
    wanted = photograph.mean(axis=(0, 1, 2))
    assert np.abs(matched.mean(axis=(0, 1, 2)) - wanted).max() < 0.01
    half = given(photograph, [painting], color="match", color_match=method, color_amount=0.5)
    np.testing.assert_allclose(half.paintings[0], (painting + matched) / 2, atol=1e-6)
    image = photograph[:, ::-1]
    assert found.finished(image, None) is image


@pytest.mark.parametrize("space", color.SPACES)
def test_luminance_is_painted_in_grey_and_finished_in_the_photographs_colors(
    photograph, painting, space
):
    found = given(photograph, [painting], color="luminance", color_space=space)
    for image in (found.photograph, *found.paintings):
        np.testing.assert_array_equal(image, np.repeat(image[..., :1], 3, axis=3))
    assert found.paintings[0].mean() == pytest.approx(found.photograph.mean(), abs=0.01)
    # Where nothing was painted, the photograph comes back.
    np.testing.assert_allclose(found.finished(found.photograph, None), photograph, atol=0.005)


@pytest.mark.parametrize("mode", ["content", "luminance"])
@pytest.mark.parametrize("amount", [0.4, 1.0])
def test_finished_pictures_have_the_photographs_colors(rng, photograph, painting, mode, amount):
    found = given(photograph, [painting], color=mode, color_amount=amount)
    image = picture(rng, 20, 30)
    small = image_io.resize(photograph, 20, 30)
    # What was painted in grey has no other colors to keep a part of.
    expected = color.keep_colors(image, small, "lab", amount if mode == "content" else 1.0)
    np.testing.assert_array_equal(found.finished(image, None), expected)


def test_content_keeps_its_chroma_within_two_units_of_cielab(rng, photograph, painting):
    image = picture(rng, 40, 60)
    for mode in ("content", "luminance"):
        kept = given(photograph, [painting], color=mode).finished(image, None)
        difference = color_spaces.lab_from_srgb(kept) - color_spaces.lab_from_srgb(photograph)
        assert np.hypot(difference[..., 1], difference[..., 2]).mean() <= 2


# The finished picture.


@pytest.mark.parametrize("mode", ["style", "content", "luminance", "match"])
def test_outside_of_its_regions_a_finished_picture_is_the_photograph(
    rng, photograph, painting, mode
):
    found = given(photograph, [painting], [right_half(40, 60)], color=mode, mask_feather=0.01)
    image = picture(rng, 20, 30)
    masks = found.masks_at(STAGE)
    shown = found.finished(image, masks)
    small = image_io.resize(photograph, 20, 30)
    outside = masks[0, :, :, 0] == 0
    assert outside.mean() > 0.4
    np.testing.assert_array_equal(shown[0][outside], small[0][outside])
    inside = masks[0, :, :, 0] == 1
    assert inside.mean() > 0.4
    unmasked = given(photograph, [painting], color=mode).finished(image, None)
    np.testing.assert_allclose(shown[0][inside], unmasked[0][inside], atol=1e-6)


def test_at_no_strength_the_finished_picture_is_the_photograph(rng, photograph, painting):
    image, small = picture(rng, 20, 30), image_io.resize(photograph, 20, 30)
    for options in ({}, {"color": "luminance"}, {"color": "content", "color_amount": 0.5}):
        found = given(photograph, [painting], strength=0.0, **options)
        np.testing.assert_array_equal(found.finished(image, None), small)
