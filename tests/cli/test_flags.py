from __future__ import annotations

import pytest

from stylize_tf.cli.commands import paint
from stylize_tf.cli.exits import with_flag_names
from stylize_tf.cli.flags import HelpRequest, read_command_line
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError

KNOWN = ", ".join(PRESETS)


def read(*arguments: str):
    """The options and the configuration that were given."""
    return read_command_line(["main.py", *arguments], paint.FLAGS).given


def config_of(*arguments: str) -> StyleTransferConfig:
    return StyleTransferConfig(**read(*arguments)[1])


def test_what_is_not_given_has_no_value():
    assert read() == ({}, {})


@pytest.mark.parametrize(
    ("argument", "field", "value"),
    [
        ("--size=64", "size", 64),
        ("--style_weight=2.5", "style_weight", 2.5),
        ("--content_weight=1e3", "content_weight", 1000.0),
        ("--style_loss=gram", "style_loss", "gram"),
        ("--steps=30,20", "steps", (30, 20)),
        ("--steps= 7 ", "steps", (7,)),
        ("--style_layers=block1_pool, block2_pool", "style_layers", ("block1_pool", "block2_pool")),
        ("--content_layer_weights=", "content_layer_weights", ()),
        ("--amsgrad", "amsgrad", True),
        ("--amsgrad=yes", "amsgrad", True),
        ("--nonormalize_features", "normalize_features", False),
    ],
)  # fmt: skip
def test_each_type_of_field_can_be_written(argument, field, value):
    assert getattr(config_of(argument, "--style_layer_weights="), field) == value


def test_value_may_follow_as_an_argument_of_its_own():
    options, config = read("--size", "64", "--content", "-odd name.png", "--quiet")
    assert config == {"size": 64}
    assert options == {"content": ("-odd name.png",), "quiet": True}


def test_style_is_given_once_for_each_painting_and_others_take_the_last_value():
    options, config = read("--style=a.jpg", "--style", "b.jpg", "--seed=1", "--seed=2")
    assert options == {"style": ("a.jpg", "b.jpg")}
    assert config == {"seed": 2}


def test_flagfile_is_read_in_place_and_nests(tmp_path):
    (tmp_path / "inner").write_text("--seed=5\n--style_weight=3\n")
    (tmp_path / "outer").write_text(
        f"# a comment\n\n--size=99\n--flagfile={tmp_path}/inner\n--nooffline\n"
    )
    options, config = read("--seed=1", f"--flagfile={tmp_path}/outer", "--size=100")
    assert config == {"size": 100, "seed": 5, "style_weight": 3.0}
    assert options == {"offline": False}


def test_devices_and_colors_are_brought_to_one_spelling():
    assert read("--device=gpu")[0] == {"device": "/GPU:0"}
    assert read("--device=/device:gpu:1")[0] == {"device": "/GPU:1"}
    assert read("--device=AUTO")[0] == {"device": "auto"}
    assert read("--device=gpu:1, /GPU:0")[0] == {"device": "/GPU:1,/GPU:0"}
    assert read("--device=/GPU:0,gpu")[0] == {"device": "/GPU:0"}
    assert read("--output_format=.JPG")[0] == {"output_format": "jpg"}
    assert read("--background=White")[0] == {"background": "#ffffff"}
    assert read("--background=#123")[0] == {"background": "#112233"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--stlye=a.jpg", "unknown flag --stlye. Did you mean --style?"),
        ("--content-weight=1", "unknown flag --content-weight. Did you mean --content_weight?"),
        ("--max_pix=1", "unknown flag --max_pix. Did you mean --max_pixels?"),
        ("--qqqq", "unknown flag --qqqq. --helpfull lists all flags."),
        ("photo.jpg", "unexpected argument 'photo.jpg'. Pictures are given as --content"),
        ("--style a.jpg b.jpg", "unexpected argument 'b.jpg'."),
        ("--show false", "unexpected argument 'false'. Write --flag=false"),
        ("128", "unexpected argument '128'. Every value belongs to a flag"),
        ("--content", "Missing value for flag --content."),
        ("--content=", "--content must not be empty; got ''."),
        ("--quality=101", "--quality must be a whole number between 1 and 100; got 101."),
        ("--save_every=x", "--save_every must be a whole number; got 'x'."),
        ("--max_pixels=0", "--max_pixels must be a whole number between 1"),
        ("--background=whitish", "--background must be the name of a color"),
        ("--background=#12345678", "--background must be the name of a color"),
        ("--device=?", "--device must be auto, /CPU:0, /GPU:0, or"),
        ("--device=cuda", "--device must be auto, /CPU:0, /GPU:0, or"),
        ("--device=/GPU:0,", "--device must be auto, /CPU:0, /GPU:0, or"),
        ("--device=auto,/GPU:0", "--device must be auto, /CPU:0, /GPU:0, or"),
        ("--output_format=gif", "--output_format must be one of png, jpg, jpeg, webp, tif, tiff"),
        ("--offline=maybe", "--offline must be true or false; got 'maybe'."),
        ("--preset=papr", f"--preset must be one of {KNOWN}; got 'papr'. Did you mean paper?"),
        ("--noquiet=1", "--noquiet=1 does not take an argument."),
        ("--flagfile=/does/not/exist", "cannot read the flagfile: No such file"),
        ("--flagfile=/", "cannot read the flagfile: Is a directory"),
        ("--size=3 --flagfile", "--flagfile names no file."),
        ("-v loud", "--verbosity=loud must be a whole number."),
        ("--size=-1", "--size must be a whole number between 0 and 16384; got -1."),
        ("--size=100000", "--size must be a whole number between 0 and 16384; got 100000."),
        ("--size=big", "--size must be a whole number; got 'big'."),
        ("--size=1.5", "--size must be a whole number; got '1.5'."),
        ("--content_weight=-1", "--content_weight must be a number between 0 and 1e+30; got -1.0."),
        ("--content_weight=nan", "--content_weight must be a number; got 'nan'."),
        ("--style_weight=inf", "--style_weight must be a number; got 'inf'."),
        ("--style_weight=1e31", "--style_weight must be a number between 0 and 1e+30; got 1e+31."),
        ("--steps=0", "--steps must be a whole number between 1 and 1000000; got 0."),
        ("--steps=", "--steps must have at least one number."),
        ("--steps=1,,2", "--steps must be a whole number; got ''."),
        ("--amsgrad=perhaps", "--amsgrad must be true or false; got 'perhaps'."),
        ("--style_layers=block9_conv1", "--style_layers must be one of block1_conv1,"),
        ("--optimizer=lbgfs", "--optimizer must be one of lbfgs, adam; got 'lbgfs'. Did you mean"),
        ("--content_layers=block1_conv1,block2_conv1,block1_conv1", "--content_layers must differ"),
        ("--style_layer_weights=1,2", "--style_layer_weights must have one weight for each of"),
    ],
    ids=str,
)  # fmt: skip
def test_command_line_that_cannot_be_read_is_a_usage_error_with_a_hint(arguments, message):
    with pytest.raises(ConfigError) as caught:
        config_of(*arguments.split())
    assert with_flag_names(str(caught.value)).startswith(message)


def test_line_of_a_flagfile_is_written_as_on_the_command_line(tmp_path):
    (tmp_path / "inner").write_text("--style 'old oak.jpg'\n")
    (tmp_path / "outer").write_text(
        '// sizes\n--size 96 \n\n--background "#fff"\n--content=it\'s = photo.jpg\n-v 1\n'
        f"--noquiet\n--style = 'a b.jpg'\n--flagfile {tmp_path}/inner\n"
    )
    options, config = read("--flagfile", f"{tmp_path}/outer", "--steps", "3")
    assert config == {"size": 96, "steps": (3,)}
    assert options == {
        "background": "#ffffff",
        "content": ("it's = photo.jpg",),
        "quiet": False,
        "style": ("a b.jpg", "old oak.jpg"),
    }


def test_flags_that_nothing_but_files_give_are_told_apart(tmp_path):
    (tmp_path / "flags").write_text("--size 96\n--seed=3\n--nooffline\n")
    line = ["main.py", f"--flagfile={tmp_path}/flags", "--seed=4"]
    assert read_command_line(line, paint.FLAGS).from_files >= {"size", "offline"}
    assert "seed" not in read_command_line(line, paint.FLAGS).from_files


def test_flagfile_that_names_itself_is_refused(tmp_path):
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).write_text(f"--flagfile={tmp_path / other}\n")
    with pytest.raises(ConfigError, match="names itself"):
        read(f"--flagfile={tmp_path / 'a'}")


@pytest.mark.parametrize("topic", ["help", "helpshort", "helpfull", "version"])
def test_help_is_found_even_among_mistakes(topic):
    with pytest.raises(HelpRequest) as caught:
        read("stray", "--unknown", "--size=big", "--quality=0", f"--{topic}")
    assert caught.value.topic == topic
