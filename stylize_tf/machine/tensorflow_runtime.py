"""TensorFlow as a program starts it: late, quietly, on the devices that were asked for.

Importing this module does not import TensorFlow; `load` does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from stylize_tf.errors import StylizationError

DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tf-nightly", "tf-nightly-cpu")
"""Wheels that install the `tensorflow` folder, one over the other."""

_NOISE = re.compile(
    rb"absl::InitializeLog|oneDNN custom operations|cpu_feature_guard"
    rb"|To enable the following instructions|cudart_stub|Unable to register cu"
    rb"|computation_placer|TF-TRT Warning|failed call to cuInit|Could not find cuda drivers"
    rb"|This TensorFlow binary is optimized|XLA service 0x|StreamExecutor \[|MLIR crash reproducer"
    rb"|Created device /job:localhost|Loaded cuDNN version|could not retrieve CUDA device count"
    rb"|cuda_diagnostics|successful NUMA node read|XNNPACK delegate|^fully_quantize: "
)


@dataclasses.dataclass(frozen=True)
class Runtime:
    """TensorFlow, imported and set up.

    Attributes:
        placement: from the name of a device, or `auto`, to a context in which this thread's
            TensorFlow works there.
        devices: where pictures can be made side by side: the devices asked for, and for `auto` all
            GPUs if there are several.
    """

    placement: Callable[[str], AbstractContextManager[Any]]
    devices: tuple[str, ...] = ("auto",)


def parse_devices(text: str) -> str:
    """`auto`, or TensorFlow's names of devices written as `/GPU:0`, `gpu:0` or `gpu`.

    Several have commas between them, here and in what comes back, where each is named once.
    """
    if text.strip().upper().removeprefix("/") == "AUTO":
        return "auto"
    devices = []
    for part in text.split(","):
        name = part.strip().upper().removeprefix("/").removeprefix("DEVICE:")
        match = re.fullmatch(r"(CPU|GPU)(?::(\d{1,4}))?", name)
        if match is None:
            raise ValueError("must be auto, /CPU:0, /GPU:0, or the number of another GPU")
        devices.append(f"/{match[1]}:{int(match[2] or 0)}")
    return ",".join(dict.fromkeys(devices))


def choose_devices(asked: str, available: Sequence[str]) -> tuple[str, ...]:
    """The devices that `asked` means, of TensorFlow's `/device:GPU:0` and the like.

    Raises:
        StylizationError: if one of them is not there.
    """
    names = ["/" + name.rsplit("device:", 1)[-1] for name in available]
    if asked == "auto":
        gpus = [name for name in names if name.startswith("/GPU:")]
        return tuple(gpus) if len(gpus) > 1 else ("auto",)
    devices = tuple(asked.split(","))
    for device in devices:
        if device not in names:
            raise StylizationError(
                f"`device` {device} is not here: TensorFlow sees only {', '.join(names)}. Name one "
                f"of these, or auto."
            )
    return devices


def check_installed(warn: Callable[[str], None]) -> None:
    """Looks, without importing it, whether TensorFlow is there, and only once.

    Raises:
        StylizationError: if it is missing.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise StylizationError(
            "TensorFlow is not installed. Install it with `pip install tensorflow`, or "
            "`pip install tensorflow-cpu` for a machine without GPU."
        )
    found = [name for name in DISTRIBUTIONS if _version(name) is not None]
    if len(found) > 1:
        warn(
            f"{' and '.join(found)} are both installed and overwrite each other's files. "
            f"Uninstall both, then install one."
        )


def versions() -> dict[str, str]:
    """Versions of what decides the pixels, by distribution; nothing is imported."""
    tensorflow = next(filter(None, map(_version, DISTRIBUTIONS)), "unknown")
    return {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "tensorflow": tensorflow,
        **{name: _version(name) or "unknown" for name in ("keras", "numpy", "pillow")},
    }


def load(
    device: str, threads: int = 0, *, raw_log: bool, before_replay: Callable[[], None]
) -> Runtime:
    """Imports TensorFlow, sets it up as a program may and a library may not, and starts it.

    Args:
        device: `auto`, or TensorFlow devices such as `/GPU:0` with commas between them.
        threads: cores to use; 0 for all.
        raw_log: leave TensorFlow's log as it is.
        before_replay: called before lines of that log are written to standard error.

    Raises:
        StylizationError: if TensorFlow cannot be imported, or a device does not exist.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"  # Whatever else the user does with Keras.
    if not raw_log:
        # Warnings of the C++ side, such as large allocations, are for its developers.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with contextlib.nullcontext() if raw_log else quiet_stderr(before_replay):
        try:
            import tensorflow as tf

            if threads:
                # Refused when TensorFlow has started already, as it may have in a notebook.
                with contextlib.suppress(RuntimeError):
                    tf.config.threading.set_intra_op_parallelism_threads(threads)
                    tf.config.threading.set_inter_op_parallelism_threads(threads)
            for gpu in tf.config.list_physical_devices("GPU"):
                # Refused when the devices are in use already, as they may be in a notebook.
                with contextlib.suppress(RuntimeError, ValueError):
                    tf.config.experimental.set_memory_growth(gpu, True)
            tf.config.set_soft_device_placement(True)
            there = [item.name for item in tf.config.list_logical_devices()]
            chosen = choose_devices(device, there)
            for name in chosen:
                with _placement(tf, name):
                    tf.zeros([1])  # At its first use a device has something to say.
        except ImportError as error:
            raise StylizationError(
                f"TensorFlow cannot be imported: {error}. Reinstall what requirements.txt lists."
            ) from error
    return Runtime(lambda name: _placement(tf, name), chosen)


@contextlib.contextmanager
def quiet_stderr(before_replay: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds back what is written to file descriptor 2, then replays all but known noise.

    TensorFlow's C++ side prints while it is imported and when a device is first used, whatever
    `TF_CPP_MIN_LOG_LEVEL` says (tensorflow#100442). A crash in between loses the text: that is what
    `-v 1` and `STYLIZE_TF_RAW_LOG=1` are for.
    """
    _flush()
    try:
        keep = os.dup(2)
    except OSError:  # Closed: nobody listens.
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(keep, 2)
            os.close(keep)
            held.seek(0)
            lines = [line for line in held.read().splitlines(True) if not _NOISE.search(line)]
            if lines:
                before_replay()
            with contextlib.suppress(OSError):
                for line in lines:
                    os.write(2, line)


def _flush() -> None:
    # None where it is closed; an error where the terminal behind it went away.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()


def _placement(tf: Any, device: str) -> AbstractContextManager[Any]:
    return contextlib.nullcontext() if device == "auto" else tf.device(device)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
