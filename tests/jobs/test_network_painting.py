"""Pictures by a network in the optimizer's place, with a network of random weights."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.network import Network
from stylize_tf.images import image_io
from stylize_tf.machine import tensorflow_runtime
from tests.fakes.cli_fakes import digest, draw, names
from tests.fakes.tiny_network import network_of

NETWORK = ("--network=net.keras", "--content=photo.png")


@pytest.fixture(scope="module")
def network():
    return network_of("sea", "sky", "photograph")


@pytest.fixture
def paint(folder, monkeypatch, network):
    """Runs the command in a folder with the network."""
    network_files.save(network, "net.keras")
    runtime = tensorflow_runtime.Runtime(lambda name: contextlib.nullcontext(), ("auto",))
    monkeypatch.setattr(tensorflow_runtime, "load", lambda *arguments, **options: runtime)
    return lambda *arguments: main_with(["main.py", *arguments])


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), np.float32) / 255


def photograph(network, size=512):
    image = image_io.read("photo.png")
    height, width = image.shape[1:3]
    scale = size / max(height, width)
    return image_io.resize(image, round(height * scale), round(width * scale)).clip(0, 1)


def test_a_picture_is_what_the_network_paints_in_the_style(paint, network, capsys):
    for arguments, style in (
        ((), "sea"),
        (("--network_style=sky",), "sky"),
        (("--network_style=1",), "sky"),
        (("--network_style=sea=1,sky=3",), {"sea": 0.25, "sky": 0.75}),
    ):
        assert paint(*NETWORK, *arguments, "--output=out.png") == 0
        expected = network(photograph(network), style=style).numpy()[0]
        assert np.abs(pixels("out.png") - expected).max() < 0.6 / 255
    assert "loss" not in capsys.readouterr().err


def test_a_derived_name_has_the_styles_and_metadata_make_the_picture_again(paint, capsys):
    mix = ("--network_style=sea=1,sky=3", "--size=64", "--strength=.5")
    assert paint(*NETWORK, *mix) == 0
    assert capsys.readouterr().out == "photo_sea_sky.png\n"
    assert paint("--from_picture=photo_sea_sky.png", "--output=again.png") == 0
    assert digest("again.png") == digest("photo_sea_sky.png")


def test_strength_mixes_the_photograph_and_what_is_painted(paint, network, capsys):
    own = photograph(network)[0]
    painted = network(own[None]).numpy()[0]
    for strength in (0, 0.01, 0.5, 1):
        assert paint(*NETWORK, f"--strength={strength}", "--output=out.png") == 0
        expected = own + strength * (painted - own)
        assert np.abs(pixels("out.png") - expected).max() < 0.6 / 255
    capsys.readouterr()
    assert paint(*NETWORK, "--strength=1.5", "--output=beyond.png") == Exit.USAGE
    assert "--strength goes up to 1 with a network" in capsys.readouterr().err
    assert not Path("beyond.png").exists()


def test_a_mask_of_strengths_mixes_as_much_of_the_photograph_in(paint, network):
    mask = np.zeros([40, 60], np.uint8)
    mask[:, 20:40], mask[:, 40:] = 102, 255
    Image.fromarray(mask).save("strengths.png")
    flags = ("--strength_mask=strengths.png", "--strength=.5", "--mask_feather=0")
    assert paint(*NETWORK, *flags, "--output=out.png") == 0
    own = photograph(network)[0]
    painted, found = network(own[None]).numpy()[0], pixels("out.png")
    for part, strength in ((np.s_[:, :140], 0), (np.s_[:, 210:300], 0.2), (np.s_[:, 380:], 0.5)):
        expected = own + strength * (painted - own)
        assert np.abs(found - expected)[part].max() < 0.8 / 255


def test_colors_of_the_photograph_and_masks_are_kept(paint, network):
    mask = np.zeros([40, 60], np.uint8)
    mask[:, 30:] = 255
    Image.fromarray(mask).save("right.png")
    Image.fromarray(255 - mask).save("left.png")
    assert paint(*NETWORK, "--content_mask=right.png", "--output=half.png") == 0
    own = photograph(network)[0]
    half = pixels("half.png")
    assert np.abs(half - own)[:, :200].max() < 0.6 / 255
    assert np.abs(half - own)[:, 400:].mean() > 0.05

    masks = ("--content_mask=left.png", "--content_mask=right.png")
    styles = ("--network_style=sea", "--network_style=sky")
    assert paint(*NETWORK, *masks, *styles, "--output=two.png") == 0
    two = pixels("two.png")
    for name, part in (("sea", np.s_[:, :200]), ("sky", np.s_[:, 400:])):
        expected = network(own[None], style=name).numpy()[0]
        assert np.abs(two - expected)[part].max() < 0.6 / 255

    assert paint("--from_picture=two.png", "--output=again.png") == 0
    assert digest("again.png") == digest("two.png")

    for color in ("content", "luminance"):
        assert paint(*NETWORK, f"--color={color}", "--output=colors.png") == 0
        kept, plain = pixels("colors.png"), network(own[None]).numpy()[0]

        def chroma(image):
            return image - image.mean(axis=-1, keepdims=True)

        apart = [np.abs(chroma(x) - chroma(own)).mean() for x in (kept, plain)]
        assert apart[0] < 0.6 * apart[1]


def test_folders_and_sheets_are_painted(paint, capsys):
    for name in ("cat", "dog"):
        draw(f"photos/{name}.png")
    many = ("--network=net.keras", "--content=photos", "--output_dir=out", "--size=48")
    assert paint(*many, "--network_style=sky") == 0
    assert names("out") == ["cat_sky.png", "dog_sky.png"]
    capsys.readouterr()
    assert paint(*many, "--network_style=sky", "--skip_existing") == 0
    assert capsys.readouterr().out == ""
    for mix, code in (("sea=9,sky=1", 0), ("sea=9,sky=1", 0), ("sea=1,sky=9", Exit.OUTPUT)):
        assert paint(*many, f"--network_style={mix}") == code
    assert "in another style of it" in capsys.readouterr().err
    assert paint(*NETWORK, "--sheet=strength=.5,1", "--output=sheet.png") == 0
    assert image_io.size_of("sheet.png")[1] > 512  # Two cells of 256.


def test_what_is_around_a_picture_is_as_with_the_optimizer(paint, capsys):
    assert paint(*NETWORK, "--size=64", "--output=out.png", "--compare=both.png") == 0
    height, width = image_io.size_of("both.png")
    assert width > 2 * 64 >= 2 * height
    Path("sea").mkdir()  # A name of a style is no path.
    assert paint(*NETWORK, "--size=64") == 0
    capsys.readouterr()
    assert paint(*NETWORK, "--size=64", "--dry_run") == 0
    assert "64x43 pixels: at once, by a network" in capsys.readouterr().out


def test_names_with_dots_are_not_cut(paint, capsys):
    network_files.save(Network(["van.gogh.night"], 0.125), "net.keras")
    assert paint(*NETWORK, "--size=64") == 0
    assert capsys.readouterr().out == "photo_van-gogh-night.png\n"


def test_network_alone_is_the_one_that_comes_with_the_program(paint, network, monkeypatch):
    monkeypatch.setattr(network_files, "SHIPPED_FILE", Path("net.keras"))
    assert paint("--content=photo.png", "--output=out.png", "--network") == 0
    assert paint("--network", "--content=photo.png", "--output=other.png") == 0
    assert digest("out.png") == digest("other.png")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((*NETWORK, "--style=painting.png"), Exit.USAGE, "--style and --network exclude"),
        ((*NETWORK, "--steps=3"), Exit.USAGE, "--steps has no effect here: a network paints"),
        ((*NETWORK, "--fine_style=other.png"), Exit.USAGE, "--fine_style has no effect here"),
        ((*NETWORK, "--color=match"), Exit.USAGE, "--color match changes the painting"),
        ((*NETWORK, "--network_style=pear"), Exit.USAGE, "--network_style must be one of sea, sky"),
        ((*NETWORK, "--network_style=3"), Exit.USAGE, "or a number below 3; got 3"),
        ((*NETWORK, "--network_style=sea=x"), Exit.USAGE, "such as sea=.7,photograph=.3"),
        ((*NETWORK, "--network_style=sea=1,sea=2"), Exit.USAGE, "has each style once"),
        ((*NETWORK, "--sheet=content_weight=1,2"), Exit.USAGE, "--content_weight has no effect"),
        ((*NETWORK, "--sheet=color=style,match"), Exit.USAGE, "--color match changes"),
        ((*NETWORK, "--crop=square", "--content_mask=edge.png"), Exit.PICTURE, "cut off by crop"),
        ((*NETWORK, "--network_style=sea", "--network_style=sky"), Exit.USAGE, "got 2 for 1"),
        ((NETWORK[1], "--network=photo.png"), Exit.WEIGHTS, "'photo.png' is no network"),
        ((NETWORK[1], "--network=no.keras"), Exit.WEIGHTS, "'no.keras' is not there"),
        ((NETWORK[0],), Exit.USAGE, "--content must be given: --content PHOTO --network"),
        ((NETWORK[1], "--network_style=sea"), Exit.USAGE, "--style must be given"),
    ],
)
def test_what_cannot_be_painted_is_told_in_a_line(paint, capsys, arguments, code, said):
    edge = np.zeros([40, 60], np.uint8)
    edge[:, :5] = 255
    Image.fromarray(edge).save("edge.png")
    assert paint(*arguments, "--output=out.png") == code
    line = capsys.readouterr().err.splitlines()[-1]
    assert said in line
    assert not Path("out.png").exists()
