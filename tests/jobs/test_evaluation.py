"""Sets laid out as COCO and WikiArt, judged by a judge with a small network."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.judge import __main__ as benchmark
from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.feedforward import network_files
from stylize_tf.images import image_io
from stylize_tf.jobs.evaluation import pairs
from stylize_tf.judge import judge, vgg19
from stylize_tf.machine import tensorflow_runtime
from stylize_tf.network import weights
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import names
from tests.fakes.tiny_network import network_of

SHORT = ("--size=96", "--coarsest_size=64", "--steps=3,2")
SETS = ("--content=coco", "--style=wikiart")
PHOTOGRAPHS = ("coco/val2017/000000000139.jpg", "coco/val2017/000000000285.png")
PAINTINGS = ("wikiart/Cubism/braque_house.jpg", "wikiart/Ukiyo_e/hokusai_wave.jpg")
PAINTED = [f"{Path(x).stem}_{Path(y).stem}.png" for y in PAINTINGS for x in PHOTOGRAPHS]


def draw(path, size, seed):
    """Smooth noise, which the judge is not lost in."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def small_judge():
    generator, tensors, channels = np.random.default_rng(0), {}, 3
    for block, count in enumerate((2, 2, 4, 4, 1), start=1):
        for index in range(1, count + 1):
            kernel = generator.normal(size=(3, 3, channels, 4)) * math.sqrt(2 / (9 * channels))
            tensors[f"block{block}_conv{index}"] = (kernel, generator.normal(size=4))
            channels = 4
    return judge.Judge(vgg19.vgg19(tensors))


@pytest.fixture
def evaluate(stylize, folder, small_judge, monkeypatch):
    """Runs the command on the sets, with the stylizer for tests and the small judge."""
    for seed, path in enumerate(PHOTOGRAPHS):
        draw(path, (96, 64), seed)
    for seed, path in enumerate(PAINTINGS, start=5):
        draw(path, (100, 90), seed)
    Path("coco/annotations").mkdir()
    Path("coco/annotations/instances.json").write_text("{}")
    monkeypatch.setattr(judge, "judge_by", lambda tensors: small_judge)
    return lambda *arguments, **options: stylize("evaluate", *arguments, **options)


def written(path="figures.json"):
    return json.loads(Path(path).read_text())


def test_each_photograph_is_painted_in_the_manner_of_each_painting_and_judged(
    evaluate, small_judge, capsys
):
    flags = ("--json=figures.json", "--sheet=sheet.png", "--output_dir=kept")
    assert evaluate(*SETS, *SHORT, *flags) == 0
    captured = capsys.readouterr()
    figures = written()
    assert [Path(x["picture"]).name for x in figures["pictures"]] == PAINTED
    assert names("kept") == sorted(PAINTED)
    for row in figures["pictures"]:
        images = (image_io.read(row[x]) for x in ("picture", "content", "style"))
        assert row["figures"] == pytest.approx(small_judge(*images))
    lines = captured.out.splitlines()
    assert lines[0] == "| measure | mean | spread | least | most | pictures |"
    for column in ("gram", "w2", "cont", "ghost", "weave"):
        values = [row["figures"][column] for row in figures["pictures"]]
        summary = figures["summary"][column]
        assert summary["mean"] == pytest.approx(np.mean(values))
        assert summary["spread"] == pytest.approx(np.std(values, ddof=1))
        expected = [np.mean(values), np.std(values, ddof=1), min(values), max(values)]
        told = " | ".join(f"{x:.3f}" for x in expected)
        assert f"| {column} | {told} | 4 |" in lines
    assert captured.err.splitlines()[-3] == "stylize_tf: Wrote 'figures.json'."
    assert captured.err.splitlines()[-1] == "stylize_tf: 4 judged of 4."
    height, width = image_io.size_of("sheet.png")
    assert height > 4 * 64
    assert width > 3 * 96


def test_pictures_that_are_there_are_judged_by_the_names_of_a_folder_run_and_as_the_benchmark_does(
    evaluate, stylize, small_judge, monkeypatch, capsys
):
    inputs = ("--content=coco/val2017", "--style=wikiart/**/*", "--output_dir=painted")
    assert stylize(*inputs, *SHORT, "--output_format=webp", "--quality=100") == 0
    assert evaluate(*SETS, "--painted=painted", "--json=figures.json") == 0
    assert cli_fakes.RUNS == []  # Nothing was painted.
    [row, *_] = written()["pictures"]
    assert row["picture"] == "painted/000000000139_braque_house.webp"
    monkeypatch.setattr(judge, "default_judge", lambda weights: small_judge)
    pair = ["--content", row["content"], "--style", row["style"]]
    benchmark.main([*pair, "--json", "rows.json", row["picture"]])
    [expected] = written("rows.json")["results"]["pictures"].values()
    assert row["figures"] == pytest.approx(expected)


def test_a_list_says_which_photograph_goes_with_which_painting(evaluate, capsys):
    Path("lists").mkdir()
    Path("lists/pairs.csv").write_text(
        f'content,style\n{PHOTOGRAPHS[0]},{PAINTINGS[1]}\n\n"../{PHOTOGRAPHS[1]}",{PAINTINGS[1]}\n'
    )
    flags = ("--output_dir=kept", "--json=figures.json")
    assert evaluate("--pairs=lists/pairs.csv", *SHORT, *flags) == 0
    assert names("kept") == sorted(PAINTED[2:])
    assert [(x["content"], x["style"]) for x in written()["pictures"]] == [
        (PHOTOGRAPHS[0], PAINTINGS[1]),
        (f"lists/../{PHOTOGRAPHS[1]}", PAINTINGS[1]),
    ]


def test_what_cannot_be_read_or_judged_is_told_counted_and_left_out(evaluate, capsys):
    Path("coco/val2017/broken.jpg").write_bytes(b"no picture")
    assert evaluate(*SETS, *SHORT, "--output_dir=kept", "--json=figures.json") == Exit.PARTLY
    said = capsys.readouterr().err
    assert said.count("'coco/val2017/broken.jpg' is damaged") == 1
    assert said.splitlines()[-1] == "stylize_tf: error: 4 judged, 2 not of 6."
    assert {x["content"] for x in written()["not_judged"]} == {"coco/val2017/broken.jpg"}
    Path("coco/val2017/broken.jpg").unlink()
    Path("kept", PAINTED[0]).unlink()
    draw(Path("kept", PAINTED[1]), (30, 20), 3)  # Too small, and by nobody knows whom.
    Path("kept", PAINTED[3]).write_bytes(Path("kept", PAINTED[2]).read_bytes())
    assert evaluate(*SETS, "--painted=kept") == Exit.PARTLY
    said = capsys.readouterr().err
    assert f"'kept/{PAINTED[0]}' does not exist." in said
    assert f"'kept/{PAINTED[1]}' cannot be judged: picture must be at least 64 pixels" in said
    wrong = f"'kept/{PAINTED[3]}' is not made from the content '{PHOTOGRAPHS[1]}'."
    assert wrong in said
    assert said.splitlines()[-1] == "stylize_tf: error: 1 judged, 3 not of 4."
    assert evaluate(*SETS, "--painted=lists") == Exit.PICTURE


def test_a_sample_is_drawn_by_its_seed_alone(evaluate):
    chosen = []
    for seed in (1, 1, 2, 3, 4):
        assert evaluate(*SETS, *SHORT, "--limit=2", f"--seed={seed}", "--json=a.json") == 0
        chosen.append([(x["content"], x["style"]) for x in written("a.json")["pictures"]])
        assert len(set(chosen[-1])) == 2
    assert chosen[0] == chosen[1]
    assert len({tuple(x) for x in chosen}) > 1


def test_a_sample_of_sets_that_nobody_could_write_down_is_drawn_at_once(monkeypatch):
    many = {
        "content": [f"{n}.jpg" for n in range(20_000)],
        "style": [f"{n}" for n in range(80_000)],
    }
    monkeypatch.setattr(pairs, "find_files", lambda name, values, warn: many[name])
    found, places = pairs.find(["a"], ["b"], 100, 7, print)
    assert len({*found}) == len(places) == 100
    assert len({style for _, style in found}) > 90
    with pytest.raises(ValueError, match="make 1600000000 pairs"):
        pairs.find(["a"], ["b"], 0, 7, print)


def test_a_square_is_judged_against_the_square_of_the_photograph(evaluate):
    draw(PHOTOGRAPHS[0], (128, 80), 0)
    flags = ("--crop=square", "--size=80", "--coarsest_size=64", "--steps=3,2", "--limit=1")
    assert evaluate(*SETS, *flags, "--json=figures.json") == 0
    assert len(written()["pictures"]) == 1


@pytest.mark.usefixtures("evaluate")
def test_pictures_of_a_network_are_compared_with_the_painting(small_judge, monkeypatch):
    runtime = tensorflow_runtime.Runtime(lambda name: contextlib.nullcontext(), ("auto",))
    monkeypatch.setattr(tensorflow_runtime, "load", lambda *arguments, **options: runtime)
    monkeypatch.setattr(weights, "find", lambda *arguments, **options: cli_fakes.WEIGHTS)

    def evaluate(*arguments):
        return main_with(["main.py", "evaluate", *arguments])

    network_files.save(network_of("waves", "night"), "net.keras")
    network = ("--network=net.keras", "--network_style=night")
    flags = ("--size=96", "--style=wikiart/Cubism", "--content=coco", "--json=figures.json")
    assert evaluate(*flags, *network, "--output_dir=kept") == 0
    assert names("kept") == [f"{Path(x).stem}_night.png" for x in PHOTOGRAPHS]
    for row in written()["pictures"]:
        images = (image_io.read(row[x]) for x in ("picture", "content", "style"))
        assert row["figures"] == pytest.approx(small_judge(*images))
    before = written()["summary"]
    assert evaluate(*flags[1:], "--painted=kept", "--network=net.keras", network[1]) == 0
    assert written()["summary"] == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--content and --style must be given"),
        (("--pairs=a.csv", "--content=coco"), "--pairs names all files: leave out --content."),
        ((*SETS, "--painted=coco", "--size=64"), "--size has no effect here"),
        ((*SETS, "--painted=none"), "is no folder"),
        (("--pairs=none.csv",), "cannot be read"),
        ((*SETS, "--json=none/a.json"), "--json 'none/a.json' cannot be written"),
        ((*SETS, "--sheet=a.gif"), "the extension '.gif' is not known"),
        (("--content=empty", "--style=wikiart"), "no picture matches"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(evaluate, capsys, flags, message):
    Path("empty").mkdir()
    assert evaluate(*flags) in (Exit.USAGE, Exit.PICTURE, Exit.OUTPUT)
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("text", ["a.jpg\n", "a,b,c\n", "", "content,style\n", "a,\n"])
def test_a_list_that_is_none_is_refused(evaluate, text, capsys):
    Path("pairs.csv").write_text(text)
    assert evaluate("--pairs=pairs.csv") == Exit.USAGE
    assert "content,style" in capsys.readouterr().err
