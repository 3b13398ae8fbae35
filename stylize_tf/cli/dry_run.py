"""What a command line would paint and write, as text for standard output: `--dry_run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stylize_tf.cli.exits import Exit
from stylize_tf.cli.terminal.console import Console
from stylize_tf.cli.terminal.interrupts import Interrupts
from stylize_tf.cli.terminal.listener import Terminal
from stylize_tf.cli.terminal.progress import duration
from stylize_tf.cli.terminal.standard_streams import print_line
from stylize_tf.errors import ConfigError
from stylize_tf.jobs import job, sheet
from stylize_tf.jobs.folder import tasks
from stylize_tf.jobs.options.painting import Given, Options
from stylize_tf.jobs.outputs import Output, check_folders
from stylize_tf.jobs.plan import plan_of

if TYPE_CHECKING:
    from stylize_tf import Plan


class _Looking(Terminal):
    """Who is told of the pictures of a folder that are there already, or cannot be painted."""

    def __init__(self, console: Console, interrupts: Interrupts) -> None:
        super().__init__(console, interrupts)
        self.there = 0
        self.lost_by: list[Exit] = []

    def skipped(self, number: int | None = None) -> None:
        self.there += 1

    def lost(self, path: str, error: Exception, **others: object) -> None:
        self.lost_by.append(self._tell_lost(path, error))


def tell(given: Given, console: Console, interrupts: Interrupts) -> int:
    """Prints what would be done; the exit code. What the run would be refused for is raised."""
    terminal = Terminal(console, interrupts)
    is_one = not sheet.asked_for(given.options) and "output_dir" not in given.options
    if "network" in given.options and not is_one:
        raise ConfigError("`dry_run` tells of one picture with `network`. Leave it out.")
    if sheet.asked_for(given.options):
        text = _of_sheet(*sheet.draft(given, terminal))
    elif "output_dir" in given.options:
        return _tell_of_folder(given, _Looking(console, interrupts))
    else:
        text = _of_picture(job.draft(given, terminal))
    print_line(text, console.warning)
    return Exit.OK


def _of_picture(draft: job.Draft) -> str:
    _check(draft.options)
    if draft.options.network is not None:
        height, width = draft.size
        return f"{_where(draft.output)}, {width}x{height} pixels: at once, by a network."
    plan = plan_of(draft.config, draft.options, draft.files, draft.sizes, is_alone=True)
    lines = [f"{_where(draft.output)}, {_summary(plan)}.", *_others(draft.options, draft.output)]
    return "\n".join([*lines, str(plan)])


def _check(options: Options) -> None:
    """Raises what the run would be refused for beside what a draft is."""
    check_folders(options)
    job.check_weights(options)


def _where(output: Output) -> str:
    return "to standard output" if output.is_piped else repr(output.path)


def _others(options: Options, output: Output | None = None) -> list[str]:
    """A line of what else is written, if there is any."""
    names = ("compare", "timelapse", "regions_overlay", "checkpoint_dir", "tensorboard_dir")
    found = [(name, repr(path)) for name in names if (path := getattr(options, name)) is not None]
    if options.save_every and options.timelapse is None and output is not None:
        first = output.intermediate(options.save_every).path
        found.append(("save_every", f"{first!r} and so on"))
    told = ", ".join(f"{text} (--{name})" for name, text in found)
    return [f"Beside it: {told}."] if told else []


def _of_sheet(draft: job.Draft, labels: Sequence[str]) -> str:
    _check(draft.options)
    plans = [
        plan_of(config, draft.options, draft.files, draft.sizes, is_first=number == 0)
        for number, config in enumerate(draft.cells)
    ]
    lines = [f"{_where(draft.output)}, {len(plans)} cells: {_total(plans, 1)}."]
    lines += [f"{label}: {_summary(plan)}" for label, plan in zip(labels, plans, strict=True)]
    return "\n".join([*lines, *_guessing(plans)])


def _tell_of_folder(given: Given, looking: _Looking) -> int:
    folder = tasks.prepare(given, looking)
    if folder.tasks:
        job.check_weights(folder.options)
    plans = [
        plan_of(folder.config, folder.options, x.files(), x.sizes, is_first=x.number == 1)
        for x in folder.tasks
    ]
    lines = [f"{task.path!r}, {_summary(x)}" for task, x in zip(folder.tasks, plans, strict=True)]
    there = f", {looking.there} are there" if looking.there else ""
    together = len(folder.options.device.split(","))
    total = f": {_total(plans, together)}" if plans else ""
    lines.append(
        f"{len(plans)} {'picture' if len(plans) == 1 else 'pictures'} to paint{there}{total}."
    )
    lines += _others(folder.options) if plans else []
    print_line("\n".join([*lines, *_guessing(plans)]), looking.warning)
    if not looking.lost_by:
        return Exit.OK
    return Exit.PARTLY if plans or looking.there else looking.lost_by[0]


def _summary(plan: Plan) -> str:
    last = plan.stages[-1]
    stages = "1 stage" if len(plan.stages) == 1 else f"{len(plan.stages)} stages"
    return (
        f"{last.width}x{last.height} pixels: {plan.steps} steps in {stages}, about "
        f"{duration(plan.seconds)} and {plan.bytes / 1e9:.1f} GB"
    )


def _total(plans: Sequence[Plan], together: int) -> str:
    """Seconds and memory of all, so many painted at a time."""
    seconds = sum(plan.seconds for plan in plans) / together
    return f"about {duration(seconds)} and {max(plan.bytes for plan in plans) / 1e9:.1f} GB"


def _guessing(plans: Sequence[Plan]) -> list[str]:
    return [plan.remark for plan in plans if plan.remark][:1]
