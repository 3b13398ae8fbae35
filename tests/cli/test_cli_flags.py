from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stylize_tf.cli import help
from stylize_tf.cli.exits import MEANINGS, CommandError, Exit
from stylize_tf.cli.flags import HelpRequest, config_from_flags, read_command_line, with_flag_names
from stylize_tf.cli.options import Options
from stylize_tf.cli.stylize import main_with
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError

ROOT = Path(__file__).parents[2]


def read(*arguments: str):
    return read_command_line(["main.py", *arguments])


def config_of(*arguments: str) -> StyleTransferConfig:
    return config_from_flags(StyleTransferConfig(), read(*arguments).config)


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_what_is_not_given_has_no_value():
    command_line = read()
    assert command_line.config == {}
    assert command_line.options == {}


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
    flags = [argument]
    if field == "style_layers":
        flags.append("--style_layer_weights=")
    assert getattr(config_of(*flags), field) == value


def test_value_may_follow_as_an_argument_of_its_own():
    command_line = read("--size", "64", "--content", "-odd name.png", "--quiet")
    assert command_line.config == {"size": 64}
    assert command_line.options == {"content": ("-odd name.png",), "quiet": True}


def test_style_is_given_once_for_each_painting_and_others_take_the_last_value():
    command_line = read("--style=a.jpg", "--style", "b.jpg", "--seed=1", "--seed=2")
    assert command_line.options == {"style": ("a.jpg", "b.jpg")}
    assert command_line.config == {"seed": 2}


def test_flagfile_is_read_in_place_and_nests(tmp_path):
    (tmp_path / "inner").write_text("--seed=5\n--style_weight=3\n")
    (tmp_path / "outer").write_text(
        f"# a comment\n\n--size=99\n--flagfile={tmp_path}/inner\n--nooffline\n"
    )
    command_line = read("--seed=1", f"--flagfile={tmp_path}/outer", "--size=100")
    assert command_line.config == {"size": 100, "seed": 5, "style_weight": 3.0}
    assert command_line.options == {"offline": False}


def test_devices_and_colors_are_brought_to_one_spelling():
    assert read("--device=gpu").options == {"device": "/GPU:0"}
    assert read("--device=/device:gpu:1").options == {"device": "/GPU:1"}
    assert read("--device=AUTO").options == {"device": "auto"}
    assert read("--device=gpu:1, /GPU:0").options == {"device": "/GPU:1,/GPU:0"}
    assert read("--device=/GPU:0,gpu").options == {"device": "/GPU:0"}
    assert read("--output_format=.JPG").options == {"output_format": "jpg"}
    assert read("--background=White").options == {"background": "#ffffff"}
    assert read("--background=#123").options == {"background": "#112233"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stlye=a.jpg"], "unknown flag --stlye. Did you mean --style?"),
        (["--content-weight=1"], "unknown flag --content-weight. Did you mean --content_weight?"),
        (["--max_pix=1"], "unknown flag --max_pix. Did you mean --max_pixels?"),
        (["--qqqq"], "unknown flag --qqqq. --helpfull lists all flags."),
        (["photo.jpg"], "unexpected argument 'photo.jpg'. Pictures are given as --content"),
        (["--style", "a.jpg", "b.jpg"], "unexpected argument 'b.jpg'."),
        (["--show", "false"], "unexpected argument 'false'. Write --flag=false"),
        (["128"], "unexpected argument '128'. Every value belongs to a flag"),
        (["--content"], "Missing value for flag --content."),
        (["--content="], "--content must not be empty; got ''."),
        (["--quality=101"], "--quality must be a whole number between 1 and 100; got '101'."),
        (["--save_every=x"], "--save_every must be a whole number between 0"),
        (["--max_pixels=0"], "--max_pixels must be a whole number between 1"),
        (["--background=whitish"], "--background must be the name of a color"),
        (["--background=#12345678"], "--background must be the name of a color"),
        (["--device=?"], "--device must be auto, /CPU:0, /GPU:0, or"),
        (["--device=cuda"], "--device must be auto, /CPU:0, /GPU:0, or"),
        (["--device=/GPU:0,"], "--device must be auto, /CPU:0, /GPU:0, or"),
        (["--device=auto,/GPU:0"], "--device must be auto, /CPU:0, /GPU:0, or"),
        (["--output_format=gif"], "--output_format must be one of png, jpg, jpeg, webp, tif, tiff"),
        (["--offline=maybe"], "--offline must be true or false; got 'maybe'."),
        (["--preset=defalt"], "--preset must be one of default"),
        (["--noquiet=1"], "--noquiet=1 does not take an argument."),
        (["--flagfile=/does/not/exist"], "cannot read the flagfile: No such file"),
        (["-v", "loud"], "--verbosity=loud must be a whole number."),
    ],
    ids=str,
)
def test_command_line_that_cannot_be_read_is_a_usage_error_with_a_hint(arguments, message):
    with pytest.raises(CommandError) as caught:
        read(*arguments)
    assert str(caught.value).startswith(message)
    assert caught.value.exit == Exit.USAGE


def test_line_of_a_flagfile_without_equals_sign_is_explained(tmp_path):
    (tmp_path / "flags").write_text("--size 256\n")
    with pytest.raises(CommandError, match="is written --size=256"):
        read(f"--flagfile={tmp_path}/flags")


def test_mistyped_preset_is_answered_with_the_closest():
    with pytest.raises(CommandError, match=r"got 'defalt'\. Did you mean default"):
        read("--preset=defalt")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--size=-1", "--size must be a whole number between 0 and 16384; got -1."),
        ("--size=100000", "--size must be a whole number between 0 and 16384; got 100000."),
        ("--size=big", "--size must be a whole number; got 'big'."),
        ("--size=1.5", "--size must be a whole number; got '1.5'."),
        ("--content_weight=-1", "--content_weight must be a number between 0 and 1e+30; got -1.0."),
        ("--content_weight=nan", "--content_weight must be a number; got nan."),
        ("--style_weight=inf", "--style_weight must be a number; got inf."),
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
)
def test_value_out_of_range_names_the_flag_and_the_bounds(argument, message):
    with pytest.raises(ConfigError) as caught:
        config_of(argument)
    assert with_flag_names(str(caught.value)).startswith(message)


def test_flags_override_the_preset_and_leave_the_rest_of_it():
    preset = StyleTransferConfig(size=64, style_loss="gram")
    config = config_from_flags(preset, read("--size=32").config)
    assert (config.size, config.style_loss) == (32, "gram")
    assert config_from_flags(preset, {}) is preset


@pytest.mark.parametrize("topic", ["help", "helpshort", "helpfull", "version"])
def test_help_is_found_even_among_mistakes(topic):
    with pytest.raises(HelpRequest) as caught:
        read("stray", "--unknown", f"--{topic}")
    assert caught.value.topic == topic


def test_help_shows_the_ten_flags_that_matter_with_their_defaults():
    text = help.short_help("/somewhere/main.py")
    assert text.startswith("usage: python main.py --content PHOTO --style PAINTING")
    shown = [line.split()[0] for line in text.splitlines() if line.startswith("  --")]
    assert shown == [f"--{name}" for name in help.FIRST]
    assert len(shown) == 10
    assert "default: 512" in unwrapped(text)
    assert text.splitlines()[-1].startswith("--helpfull")


def test_helpfull_shows_every_flag_with_the_default_of_the_configuration():
    text = unwrapped(help.full_help("stylize-tf"))
    for field in dataclasses.fields(StyleTransferConfig):
        written = help.value_text(getattr(StyleTransferConfig(), field.name))
        entry = text.split(f"--{field.name} ", 1)[-1] if str(field.type) != "bool" else text
        assert unwrapped(with_flag_names(field.metadata["help"])) in entry
        if written:
            assert f"default: {written})" in entry
            value = read(f"--{field.name}={written}").config[field.name]
            default = getattr(StyleTransferConfig(), field.name)
            assert value == (
                pytest.approx(default, rel=1e-5) if "float" in str(field.type) else default
            )
    for field in dataclasses.fields(Options):
        assert f"--{field.name} " in text or f"--[no]{field.name} " in text
    for code, meaning in MEANINGS.items():
        assert f"{int(code)} {meaning}" in text
    for name, use in help.ENVIRONMENT.items():
        assert f"{name} {use}" in text


def test_helpfull_lists_presets_by_what_they_change(monkeypatch):
    monkeypatch.setitem(PRESETS, "coarse", StyleTransferConfig(size=64, steps=(3, 2)))
    text = unwrapped(help.full_help("main.py"))
    assert "coarse --size=64 --steps=3,2" in text
    assert "default the defaults" in text


def test_headings_of_help_start_at_fields_that_exist():
    assert set(help.HEADINGS) <= {field.name for field in dataclasses.fields(StyleTransferConfig)}


def test_no_name_is_both_an_option_and_a_field_of_the_configuration():
    kinds = (StyleTransferConfig, Options)
    names = [field.name for kind in kinds for field in dataclasses.fields(kind)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("columns", ["40", "80", "300"])
def test_help_fits_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    lines = help.short_help("main.py").splitlines()[3:-1]
    assert max(map(len, lines)) <= min(max(int(columns), 56), 100)


@pytest.mark.parametrize("flag", ["--help", "-h", "--helpfull", "--version"])
def test_help_goes_to_standard_output_and_returns_0(flag, capsys):
    assert main_with(["main.py", flag]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip()
    assert captured.err == ""


@pytest.mark.parametrize("command", [["main.py"], ["-m", "stylize_tf"]], ids=str)
def test_help_answers_at_once_without_tensorflow_or_numpy(command):
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: python {' '.join(command)} ")
    imported = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines()}
    assert "absl.flags" in imported
    assert not imported & {"tensorflow", "keras", "numpy", "PIL"}
    assert time.monotonic() - started < 2  # 0.2 s here; the machine may be busy.
