"""How far a stylization has come: a live line on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stylize_tf.cli.terminal.console import Console

if TYPE_CHECKING:
    from stylize_tf import Iterate
    from stylize_tf.feedforward.training.trainer import Progress as TrainingProgress
    from stylize_tf.video.frames import VideoProgress

_BAR = 20
REDRAW_SECONDS = 0.1
PLAIN_SECONDS = 5.0
TRAINING_SECONDS = 30.0


class Progress:
    """Shows iterates on a console.

    On a terminal one line is rewritten, at most ten times a second. Elsewhere the first and the
    last step of each stage get a line, and in between one every five seconds. Messages of the
    iterates (what was stepped back from, and why) get a line of their own.

    Args:
        console: where to show it.
        clock: seconds that only grow; another one in tests.
        place: fields that say which of many pictures the iterates are of.
    """

    def __init__(
        self, console: Console, clock: Callable[[], float] = time.monotonic, **place: int
    ) -> None:
        self._console = console
        self._place = place
        self._clock = clock
        self._last = float("-inf")
        self._stage = 0
        self._pace: float | None = None

    def update(self, iterate: Iterate) -> None:
        """Shows where the run stands, if it is time to."""
        for message in iterate.messages:
            self._console.info(message)
        if self._console.event("step", **self._place, **step_fields(iterate)):
            return
        starts = iterate.stage != self._stage
        if starts:  # Its first step traces and compiles, which says nothing about the pace.
            self._stage, self._pace = iterate.stage, None
        else:
            recent = iterate.seconds if self._pace is None else self._pace
            self._pace = 0.8 * recent + 0.2 * iterate.seconds
        now = self._clock()
        live = self._console.is_live
        ends = iterate.step >= iterate.steps
        waited = now - self._last >= (REDRAW_SECONDS if live else PLAIN_SECONDS)
        if not (starts or ends or waited or iterate.messages):
            return
        self._last = now
        if live:
            self._console.live(live_line(iterate, self._pace, self._console.width - 1))
        else:
            self._console.progress(plain_line(iterate, self._pace))


class _Lines:
    """Shows how far something is: a live line on a terminal, elsewhere one now and then.

    Args:
        console: where to show it.
        clock: seconds that only grow; another one in tests.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._last = float("-inf")

    def _show(self, text: str, seconds: float, *, is_last: bool) -> None:
        """Shows a line, if it is the last or, elsewhere, the seconds since another are over."""
        now, is_live = self._clock(), self._console.is_live
        if is_last or now - self._last >= (REDRAW_SECONDS if is_live else seconds):
            self._last = now
            (self._console.live if is_live else self._console.progress)(text)


class TrainingLines(_Lines):
    """Shows how far a training is."""

    _loss: float | None = None

    def update(self, progress: TrainingProgress) -> None:
        """Shows where the training stands, if it is time to."""
        if self._console.event("training_step", **progress._asdict()):
            return
        loss = sum(progress.losses.values())
        if math.isfinite(loss):  # Of one step it says little: crops differ.
            self._loss = loss if self._loss is None else 0.95 * self._loss + 0.05 * loss
        shown = "" if self._loss is None else f"  loss {self._loss:.3g}"
        left = f"  {duration(progress.remaining)} left" if progress.remaining else ""
        text = f"{progress.share:4.0%}  step {progress.step}{shown}{left}"
        self._show(text, TRAINING_SECONDS, is_last=progress.share >= 1)


class FrameLines(_Lines):
    """Shows how far a clip is."""

    def update(self, progress: VideoProgress) -> None:
        """Shows where the clip stands, if it is time to."""
        if self._console.event("frame", **progress._asdict()):
            return
        of = f"/{progress.frames}" if progress.frames is not None else ""
        seconds = progress.seconds
        pace = f"{1 / max(seconds, 1e-3):.1f} frames/s" if seconds < 1 else f"{seconds:.1f} s/frame"
        left = "" if progress.remaining is None else f"  {duration(progress.remaining)} left"
        text = f"frame {progress.frame}{of}  {pace}{left}"
        self._show(text, PLAIN_SECONDS, is_last=progress.frame == progress.frames)


def step_fields(iterate: Iterate) -> dict[str, Any]:
    """What a program may want to know of a step."""
    names = (
        *("stage", "stages", "step", "steps", "evaluation", "evaluations", "width", "height"),
        *("loss", "step_loss", "losses", "seconds", "remaining"),
    )
    return {name: getattr(iterate, name) for name in names}


def plain_line(iterate: Iterate, pace: float | None) -> str:
    """Everything there is to say about an iterate; `pace` is seconds a step, None if not known."""
    time_left = [] if pace is None else [_pace(pace), _left(iterate)]
    parts = [*_place(iterate), _loss(iterate, terms=True), *time_left]
    return "  ".join(part for part in parts if part)


def live_line(iterate: Iterate, pace: float | None, width: int) -> str:
    """As much about an iterate as fits into `width` columns, what matters most first."""
    stage, size, step = _place(iterate)
    share = iterate.evaluation / max(iterate.evaluations, 1)
    percent = f"{share:4.0%}"
    done = min(round(share * _BAR), _BAR)
    bar = f"{percent} [{'#' * done}{'-' * (_BAR - done)}]"
    loss, terms = _loss(iterate, terms=False), _loss(iterate, terms=True)
    seconds, left = ("", "") if pace is None else (_pace(pace), _left(iterate))
    # What 80 columns take: the words go before the numbers do.
    short = (f"{iterate.stage}/{iterate.stages}", size, step.removeprefix("step "), _short(iterate))
    for gap, parts in (
        ("  ", (bar, stage, size, step, terms, seconds, left)),
        ("  ", (percent, stage, size, step, terms, seconds, left)),
        (" ", (percent, *short, seconds, left)),
        (" ", (*short, seconds, left)),
        ("  ", (percent, stage, size, step, loss, left)),
        ("  ", (percent, stage, step, loss, left)),
        ("  ", (percent, stage, step, left)),
        ("  ", (percent, left)),
    ):
        line = gap.join(part for part in parts if part)
        if len(line) <= width:
            return line
    return percent[: max(width, 0)]


def fetching_line(done: int, total: int | None) -> str:
    """How much of a download is here."""
    of = f" of {total / 1e6:.1f}" if total else ""
    return f"Fetching the weights of VGG19: {done / 1e6:.1f}{of} MB"


def duration(seconds: float) -> str:
    """Seconds as people say them: `8 s`, `2:05`, `1:00:00`."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _place(iterate: Iterate) -> tuple[str, str, str]:
    return (
        f"stage {iterate.stage}/{iterate.stages}",
        f"{iterate.width}x{iterate.height}",
        f"step {iterate.step:>{len(str(iterate.steps))}}/{iterate.steps}",
    )


def _loss(iterate: Iterate, *, terms: bool) -> str:
    if not iterate.losses:  # A network's.
        return ""
    line = f"loss {iterate.loss:.3g}"
    if not terms:
        return line
    parts = (f"{name.replace('_', ' ')} {value:.3g}" for name, value in iterate.losses.items())
    return f"{line} = {' + '.join(parts)}"


def _short(iterate: Iterate) -> str:
    """The terms with `tv` for `total_variation` and two digits."""
    parts = []
    for name, value in iterate.losses.items():
        words = name.split("_")
        parts.append(f"{name if len(words) == 1 else ''.join(x[:1] for x in words)} {value:.2g}")
    return " ".join(parts)


def _pace(seconds: float) -> str:
    return f"{seconds:.2f} s/step"


def _left(iterate: Iterate) -> str:
    return "" if iterate.remaining is None else f"{duration(iterate.remaining)} left"
