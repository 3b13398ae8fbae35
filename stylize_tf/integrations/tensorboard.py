"""A run in TensorBoard: losses of its steps, and the pictures on the way."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator

import tensorflow as tf

from stylize_tf.feedforward.training.trainer import Progress
from stylize_tf.iterative.run import Iterate
from stylize_tf.machine.extras import require

MOST_PICTURES = 20
"""Of a run, at most, beside the last of each stage."""


def logged(iterates: Iterable[Iterate], folder: str | os.PathLike[str]) -> Iterator[Iterate]:
    """The same iterates, each passed on when its summaries are written.

    Scalars `loss`, `step_loss` and `losses/NAME` of every step, and `picture` of the last step of
    each stage and of about every twentieth of the steps, which all count from 1 over the stages.

    Args:
        iterates: from `Stylizer.iterate`.
        folder: of this run alone; made if it is not there.

    Raises:
        ConfigError: if TensorBoard is not installed.
    """
    require("tensorboard", "tensorboard", "tensorboard_dir")
    return _logged(iterates, folder)


def _logged(iterates: Iterable[Iterate], folder: str | os.PathLike[str]) -> Iterator[Iterate]:
    writer = None
    shown, failure = 0, ""
    with contextlib.ExitStack() as closing:
        for iterate in iterates:
            share = iterate.evaluation * MOST_PICTURES // max(iterate.evaluations, 1)
            is_shown = share > shown or iterate.step >= iterate.steps
            shown = share
            if not failure:
                try:
                    if writer is None:
                        writer = tf.summary.create_file_writer(os.fspath(folder))
                        closing.callback(_close, writer)
                    _write(writer, iterate, is_shown)
                except (OSError, tf.errors.OpError) as error:  # The picture is what counts.
                    failure = f"No more for TensorBoard: {' '.join(str(error).split())[:200]}."
                    iterate = dataclasses.replace(iterate, messages=(*iterate.messages, failure))
            yield iterate


def logged_training(
    steps: Iterable[Progress], folder: str | os.PathLike[str]
) -> Iterator[Progress]:
    """The same steps of a training, each passed on when its losses are written.

    Args:
        steps: from `Trainer.steps`.
        folder: of this training alone; made if it is not there.

    Raises:
        ConfigError: if TensorBoard is not installed.
    """
    require("tensorboard", "tensorboard", "tensorboard_dir")
    writer = tf.summary.create_file_writer(os.fspath(folder))
    with contextlib.ExitStack() as closing:
        closing.callback(_close, writer)
        for progress in steps:
            # The network is what counts: what a full disk loses of the log is lost.
            with contextlib.suppress(OSError, tf.errors.OpError), writer.as_default(progress.step):
                tf.summary.scalar("loss", sum(progress.losses.values()))
                for name, loss in progress.losses.items():
                    tf.summary.scalar(f"losses/{name}", loss)
            yield progress


def _close(writer: tf.summary.SummaryWriter) -> None:
    with contextlib.suppress(OSError, tf.errors.OpError):
        writer.close()


def _write(writer: tf.summary.SummaryWriter, iterate: Iterate, is_shown: bool) -> None:
    with writer.as_default(step=iterate.evaluation):
        tf.summary.scalar("loss", iterate.loss)
        tf.summary.scalar("step_loss", iterate.step_loss)
        for name, loss in iterate.losses.items():
            tf.summary.scalar(f"losses/{name}", loss)
        if is_shown:
            tf.summary.image("picture", iterate.image)
    writer.flush()
