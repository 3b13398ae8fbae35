from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stylize_tf.cli import runtime
from stylize_tf.cli.exits import CommandError, Exit

ROOT = Path(__file__).parents[2]

NOISE = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795252348.093667    5010 port.cc:153] oneDNN custom operations are on. You may see
I0000 00:00:1795252348.094056    5010 cudart_stub.cc:31] Could not find cuda drivers on your machine
I0000 00:00:1795252348.179456    5010 cpu_feature_guard.cc:227] This TensorFlow binary is optimized
To enable the following instructions: AVX2 AVX512F, in other operations, rebuild TensorFlow.
E0000 00:00:1795252350.181251    5010 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA
"""
NEWS = b"E0000 00:00:1795252350.181251    5010 something.cc:1] the disk is on fire\nno line end"


def test_noise_is_dropped_and_all_other_lines_are_replayed_in_order(capfdbinary):
    replays = []
    with runtime.quiet_stderr(lambda: replays.append("before")):
        os.write(2, NOISE[:100])
        os.write(2, NOISE[100:])
        os.write(2, NEWS)
        assert capfdbinary.readouterr().err == b""
    assert capfdbinary.readouterr().err == NEWS
    assert replays == ["before"]


def test_nothing_is_announced_when_nothing_is_replayed(capfdbinary):
    with runtime.quiet_stderr(lambda: pytest.fail("there is nothing to replay")):
        os.write(2, NOISE)
    assert capfdbinary.readouterr().err == b""


def test_what_python_prints_before_an_exception_is_replayed(capfdbinary):
    def fail():
        print("a last word", file=sys.stderr)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), runtime.quiet_stderr():
        fail()
    assert capfdbinary.readouterr().err == b"a last word\n"


def test_filter_does_without_a_standard_error(capfdbinary):
    keep = os.dup(2)
    os.close(2)
    try:
        with runtime.quiet_stderr():
            pass
    finally:
        os.dup2(keep, 2)
        os.close(keep)


def test_device_that_is_not_there_is_a_usage_error_with_the_list():
    available = ["/device:CPU:0", "/device:GPU:0"]
    for device in ("auto", "/CPU:0", "/GPU:0"):
        assert runtime._devices(device, available) == (device,)
    with pytest.raises(CommandError) as caught:
        runtime._devices("/CPU:0,/GPU:1", available)
    assert str(caught.value) == (
        "--device=/GPU:1: TensorFlow sees no such device here, only /CPU:0, /GPU:0."
    )
    assert caught.value.exit == Exit.USAGE


def test_auto_is_all_gpus_if_there_are_several():
    available = ["/device:CPU:0", "/device:GPU:0", "/device:GPU:1"]
    assert runtime._devices("auto", available) == ("/GPU:0", "/GPU:1")
    assert runtime._devices("/GPU:1,/CPU:0", available) == ("/GPU:1", "/CPU:0")


def run_python(code, **environment):
    """Runs code in a process where TensorFlow was not imported yet."""
    names = ("TF_CPP_MIN_LOG_LEVEL", "STYLIZE_TF_RAW_LOG")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


LOAD = """
from stylize_tf.cli import runtime
backend = runtime.load("/CPU:0", raw_log={raw}, before_replay=lambda: None)
import tensorflow as tf
with backend.placement("/CPU:0"):
    print(tf.zeros([1]).device, tf.config.get_soft_device_placement())
    print(backend.stylizer.__name__, issubclass(backend.failure, RuntimeError))
"""


@pytest.mark.slow
@pytest.mark.parametrize("raw", [False, True])
def test_tensorflow_loads_without_noise_unless_it_is_asked_for(raw):
    result = run_python(LOAD.format(raw=raw), KERAS_BACKEND="jax")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "/job:localhost/replica:0/task:0/device:CPU:0 True",
        "Stylizer True",
    ]
    assert ("absl::InitializeLog" in result.stderr) == raw
    assert raw or result.stderr == ""


def test_tensorflow_that_cannot_be_imported_is_one_line(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no AVX here')")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from stylize_tf.cli import runtime
try:
    runtime.load("auto", raw_log=False, before_replay=lambda: None)
except runtime.CommandError as error:
    print(error, int(error.exit))
"""
    result = run_python(code)
    assert result.stdout.startswith("TensorFlow cannot be imported: no AVX here. ")
    assert result.stdout.endswith(" 6\n")
    assert result.stderr == ""


def test_importing_the_package_and_its_command_line_leaves_tensorflow_alone():
    code = """
import sys
import stylize_tf, stylize_tf.cli.stylize, stylize_tf.cli.plan
print(sorted({"tensorflow", "keras"} & set(sys.modules)), len(stylize_tf.PRESETS) > 0)
"""
    assert run_python(code).stdout == "[] True\n"


def test_program_that_does_not_listen_yet_ends_by_ctrl_c_without_a_traceback():
    code = """
import signal
import stylize_tf.__main__
print(signal.getsignal(signal.SIGINT).name)
"""
    for ignored, name in ((False, "SIG_DFL"), (True, "SIG_IGN")):
        handler = (
            signal.SIG_IGN if ignored else signal.SIG_DFL
        )  # In whose place Python puts its own.
        started = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda handler=handler: signal.signal(signal.SIGINT, handler),
        )
        assert started.stdout == f"{name}\n"
