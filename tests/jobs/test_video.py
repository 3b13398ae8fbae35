"""Clips from files to files, with a small network in VGG19's place."""

import contextlib
import itertools
import signal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.main import main_with
from stylize_tf.cli.terminal.listener import Terminal
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.video import VideoConfig
from stylize_tf.errors import ConfigError
from stylize_tf.evaluation.engine import Engine
from stylize_tf.feedforward import network_files
from stylize_tf.images import image_io
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.jobs.video.iterator import painted
from stylize_tf.machine import tensorflow_runtime
from stylize_tf.network import weights
from stylize_tf.video.clips import Clip
from stylize_tf.video.pictures import Animation
from tests.fakes import cli_fakes
from tests.fakes.cli_fakes import names
from tests.fakes.clips import make, packets, picture
from tests.fakes.tiny_network import network_of

CLIP = ("--content=clip.mp4", "--output=out.mp4", "--size=32")
SHORT = (
    *("--style=painting.png", "--coarsest_size=24", "--steps=2", "--frame_steps=2,2"),
    *("--content_layers=block2_conv1", "--style_layers=block1_conv1,block2_conv1"),
    *("--structure_weight=0", "--focus_weight=0", "--style_layer_weights=", "--precision=float32"),
    "--coarse_style_weight=0",
)
OPTIMIZED = (*CLIP, *SHORT)
BY_NETWORK = (*CLIP, "--network=net.keras")


@pytest.fixture(scope="module")
def network():
    return network_of("sea", "sky")


@pytest.fixture
def video(folder, monkeypatch, tiny_engine, network):
    """Runs the command; `hook` is called with where it stands after each frame."""
    make(folder / "clip.mp4", count=8, size=(48, 64), tracks=1, times=[0, 1, 2, 3, 5, 6, 7, 9])
    network_files.save(network, "net.keras")
    runtime = tensorflow_runtime.Runtime(lambda name: contextlib.nullcontext(), ("auto",))
    monkeypatch.setattr(tensorflow_runtime, "load", lambda *arguments, **options: runtime)
    monkeypatch.setattr(weights, "find", lambda *arguments, **options: cli_fakes.WEIGHTS)
    monkeypatch.setattr(Engine, "vgg19", lambda found: tiny_engine)

    def run(*arguments, hook=lambda progress: None):
        monkeypatch.setattr(Terminal, "frame", lambda self, progress: hook(progress))
        return main_with(["main.py", "video", *arguments])

    return run


def at(frame, act):
    """A hook that does something after a frame."""
    return lambda progress: act() if progress.frame == frame else None


def frames(path):
    return [x.image for x in Clip(path).frames()]


def times(path):
    return [x.time for x in Clip(path).frames()]


@pytest.mark.parametrize("arguments", [OPTIMIZED, BY_NETWORK], ids=["optimizer", "network"])
def test_a_clip_is_painted_with_its_times_and_its_sound(video, capsys, arguments):
    seen = []
    before = set(names())
    assert video(*arguments, hook=seen.append) == 0
    assert capsys.readouterr().out == "out.mp4\n"
    assert Clip("out.mp4").size == (24, 32)
    assert times("out.mp4") == times("clip.mp4")
    assert packets("out.mp4") == packets("clip.mp4")
    assert [progress.frame for progress in seen] == [*range(1, 9)]
    assert {progress.frames for progress in seen} == {8}
    assert seen[0].remaining is None
    assert seen[-1].remaining == 0
    assert set(names()) == before | {"out.mp4"}


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--passes=2",),
        ("--color=content",),
        ("--color=content", "--passes=2"),
        ("--lags=1,3",),
        ("--temporal_weight=0",),
    ],
    ids=str,
)
def test_a_clip_that_was_killed_goes_on_to_the_same_bytes(video, more):
    assert video(*OPTIMIZED, *more) == 0
    whole = Path("out.mp4").read_bytes()
    Path("out.mp4").unlink()
    kept = (*OPTIMIZED, *more, "--checkpoint_dir=kept")
    for frame in (1, 3, 4, 12):
        with contextlib.suppress(RuntimeError):
            video(*kept, hook=at(frame, lambda: 1 / 0))
        assert not Path("out.mp4").exists() or frame == 12
    assert video(*kept) == 0
    assert Path("out.mp4").read_bytes() == whole
    assert names("kept") == []


def test_another_clip_takes_nothing_of_what_is_kept(video):
    assert video(*OPTIMIZED, "--checkpoint_dir=kept", hook=at(3, lambda: 1 / 0)) == Exit.UNEXPECTED
    assert len(names("kept")) == 1
    seen = []
    other = (*OPTIMIZED, "--checkpoint_dir=kept", "--temporal_weight=7")
    assert video(*other, hook=seen.append) == 0
    assert len(seen) == 8
    assert len(names("kept")) == 1
    assert video(*OPTIMIZED, "--checkpoint_dir=kept", "--preview=2") == 0
    assert len(names("kept")) == 1


def test_an_interrupted_clip_is_there_as_far_as_it_is_and_goes_on(video, capsys):
    stop = at(3, lambda: signal.raise_signal(signal.SIGINT))
    assert video(*OPTIMIZED, "--checkpoint_dir=kept", hook=stop) == 128 + signal.SIGINT
    captured = capsys.readouterr()
    assert captured.out == "out-unfinished.mp4\n"
    assert "Interrupted: wrote the clip so far" in captured.err
    assert times("out-unfinished.mp4") == times("clip.mp4")[:3]
    end = times("clip.mp4")[2] + Fraction(1, 30)
    sound = packets("out-unfinished.mp4")[0]
    assert sound == [x for x in packets("clip.mp4")[0] if x[1] < end]
    assert video(*OPTIMIZED, "--checkpoint_dir=kept") == 0
    whole = Path("out.mp4").read_bytes()
    assert video(*OPTIMIZED) == 0
    assert Path("out.mp4").read_bytes() == whole


def test_what_has_the_name_of_an_unfinished_folder_is_not_touched(video):
    Path("painted-unfinished").mkdir()
    Path("painted-unfinished/mine.txt").write_text("mine")
    stop = at(3, lambda: signal.raise_signal(signal.SIGINT))
    arguments = ("--content=clip.mp4", "--output=painted", "--size=32", "--network=net.keras")
    assert video(*arguments, hook=stop) == 128 + signal.SIGINT
    assert names("painted-unfinished") == ["mine.txt"]
    [other] = [x for x in names() if x.startswith("painted-unfinished-")]
    assert names(other) == ["000000.png", "000001.png", "000002.png"]


def test_a_part_of_a_clip_is_painted(video):
    assert video(*BY_NETWORK, "--start=.06", "--end=.21", "--every=2") == 0
    inside = [x for x in times("clip.mp4") if 0.06 <= x < 0.21][::2]
    assert len(inside) == 2
    assert times("out.mp4") == [x - inside[0] for x in inside]
    assert video(*BY_NETWORK, "--preview=2") == 0
    assert times("out.mp4") == times("clip.mp4")[:2]


def test_frames_go_in_and_out_as_pictures_and_as_animations(video, folder):
    (folder / "frames").mkdir()
    for number in range(4):
        Image.fromarray(picture(number, (48, 64))).save(f"frames/{number}.png")
    network = ("--network=net.keras", "--size=32", "--strength=.5")
    assert video("--content=frames", *network, "--rate=10", "--output=out.gif") == 0
    animation = Animation("out.gif", (0, 0, 0))
    assert [x.time for x in animation.frames()] == [Fraction(n, 10) for n in range(4)]
    assert video("--content=out.gif", *network, "--output=painted.webp") == 0
    again = Animation("painted.webp", (0, 0, 0))
    assert [x.time for x in again.frames()] == [Fraction(n, 10) for n in range(4)]
    assert video("--content=frames/[12].png", *network, "--output=painted") == 0
    assert names("painted") == ["000000.png", "000001.png"]
    assert np.asarray(Image.open("painted/000001.png")).shape == (24, 32, 3)
    assert video("--content=out.gif", *network, "--output=out.mp4") == 0
    assert len(times("out.mp4")) == 4


def test_a_frame_after_the_first_is_near_to_what_is_known_of_it(video):
    still = [picture(0, (48, 64))] * 4
    Path("still").mkdir()
    for number, image in enumerate(still):
        Image.fromarray(image).save(f"still/{number}.png")
    for weight, most in ((0, 1.0), (1e4, 0.01)):
        output = f"out{weight:g}"
        more = ("--content=still", f"--output={output}", f"--temporal_weight={weight}")
        assert video(*SHORT, "--size=32", *more) == 0
        painted = [np.asarray(Image.open(f"{output}/00000{n}.png")) / 255 for n in range(4)]
        changes = [np.abs(a - b).mean() for a, b in itertools.pairwise(painted)]
        assert max(changes) < most


def test_a_time_budget_makes_the_steps_fewer(video, monkeypatch):
    steps = []
    replace = Stylizer.replace

    def noted(self, **changes):
        steps.append(changes.get("steps"))
        return replace(self, **changes)

    monkeypatch.setattr(Stylizer, "replace", noted)
    assert video(*OPTIMIZED, "--frame_steps=40,4000", "--time_budget=4s") == 0
    made = [own for own in steps if own is not None]
    assert made[0] == (40, 4000)
    assert all(2 <= fine < 1000 and 2 <= coarse <= 10 for coarse, fine in made[1:])
    assert len(made) == 7


def test_a_strength_of_nothing_leaves_frames_as_they_are(video):
    assert video(*OPTIMIZED, "--strength=0", "--output=out.mkv") == 0
    for frame, image in zip(frames("clip.mp4"), frames("out.mkv"), strict=True):
        assert np.abs(image_io.resize(frame[np.newaxis], 24, 32)[0] - image).mean() < 0.03


def test_what_was_painted_before_a_failure_is_there(video, capsys):
    assert video(*OPTIMIZED, hook=at(3, lambda: 1 / 0)) == Exit.UNEXPECTED
    assert "the clip before the failure is 'out-unfinished.mp4'" in capsys.readouterr().err
    assert times("out-unfinished.mp4") == times("clip.mp4")[:3]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--output=a.mp4",), Exit.USAGE, "--content and --style must be given: --content CLIP"),
        (("--content=clip.mp4", *SHORT), Exit.USAGE, "--output must be given: --output CLIP.mp4"),
        ((*OPTIMIZED, "--output=a.avi"), Exit.USAGE, "--output must end in one of .mp4, .m4v"),
        (("--content=no.mp4", "--output=a.mp4", *SHORT), Exit.PICTURE, "'no.mp4' is not there"),
        ((*OPTIMIZED, "--output=no/a.mp4"), Exit.OUTPUT, "cannot be written: No such file"),
        (
            (*OPTIMIZED, "--output=clip.mp4"),
            Exit.OUTPUT,
            "is read for it, and would be overwritten",
        ),
        (
            (*OPTIMIZED, "--end=1", "--start=2"),
            Exit.USAGE,
            "--end must be after --start; got 1 and",
        ),
        ((*OPTIMIZED, "--start=9"), Exit.PICTURE, "has no frame between --start and --end"),
        ((*OPTIMIZED, "--flow=raft.onnx"), Exit.USAGE, "--flow must be dis or an ONNX file; 'raft"),
        ((*OPTIMIZED, "--lags=1,1"), Exit.USAGE, "--lags must be numbers that differ"),
        ((*OPTIMIZED, "--crop=square"), Exit.USAGE, "--crop is of pictures"),
        ((*OPTIMIZED, "--encoder=x"), Exit.USAGE, "--encoder 'x' is not among those"),
        ((*OPTIMIZED, "--output=a.gif", "--encoder=libx264"), Exit.USAGE, "--encoder is of clips"),
        ((*OPTIMIZED, "--output=out.webm"), Exit.USAGE, "cannot hold this clip and its sound"),
        ((*BY_NETWORK, "--style=painting.png"), Exit.USAGE, "--style and --network exclude each"),
        ((*OPTIMIZED, "--output=painting.png"), Exit.USAGE, "--output must end in one of"),
        ((*OPTIMIZED, "--blend=.5"), Exit.USAGE, "--blend goes with --network"),
        ((*OPTIMIZED, "--network_style=sea"), Exit.USAGE, "--network_style goes with --network"),
        ((*BY_NETWORK, "--frame_steps=3"), Exit.USAGE, "--frame_steps is of the optimizer"),
        ((*BY_NETWORK, "--passes=2"), Exit.USAGE, "--passes 2 is of the optimizer"),
        ((*BY_NETWORK, "--time_budget=3s"), Exit.USAGE, "--time_budget has no effect here"),
        ((*BY_NETWORK, "--network_style=no"), Exit.USAGE, "--network_style"),
    ],
)
def test_what_cannot_be_painted_is_told_in_a_line(video, capsys, arguments, code, said):
    before = names()
    assert video(*arguments) == code
    error = capsys.readouterr().err
    assert said in error
    assert [x for x in names() if x != "stylize_tf"] == before


def test_in_python_frames_come_one_by_one_with_their_times(folder, tiny_engine):
    path = make(folder / "clip.mp4", count=4, size=(48, 64), times=[0, 1, 4, 5])
    config = StyleTransferConfig(
        size=32,
        coarsest_size=0,
        steps=(2,),
        content_layers=("block2_conv1",),
        style_layers=("block1_conv1",),
        style_layer_weights=(),
        structure_weight=0,
        focus_weight=0,
        precision="float32",
    )
    video = VideoConfig(frame_steps=(2,))
    painting = np.random.default_rng(0).random((40, 40, 3))
    frames = painted(path, painting, config, video, engine=tiny_engine)
    first = next(frames)
    assert (first.image.shape, first.time) == ((24, 32, 3), 0)
    assert [x.time * 30 for x in frames] == [1, 4, 5]
    with pytest.raises(ConfigError, match="`passes` must be 1"):
        next(painted(path, painting, config, VideoConfig(passes=2), engine=tiny_engine))
