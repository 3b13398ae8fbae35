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
from stylize_tf.jobs import job, sheet
from stylize_tf.jobs.folder import tasks
from stylize_tf.jobs.options import Given
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
    """Prints what would be done; the exit code."""
    if sheet.asked_for(given.options):
        print_line(_of_sheet(*sheet.draft(given, Terminal(console, interrupts))), console.warning)
    elif "output_dir" in given.options:
        return _tell_of_folder(given, _Looking(console, interrupts))
    else:
        print_line(_of_picture(job.draft(given, Terminal(console, interrupts))), console.warning)
    return Exit.OK


def _of_picture(draft: job.Draft) -> str:
    plan = plan_of(draft.config, draft.options, draft.files, draft.sizes)
    return f"{draft.output.path!r}, {_summary(plan)}.\n{plan}"


def _of_sheet(draft: job.Draft, labels: Sequence[str]) -> str:
    plans = [
        plan_of(config, draft.options, draft.files, draft.sizes, is_first=number == 0)
        for number, config in enumerate(draft.cells)
    ]
    lines = [f"{draft.output.path!r}, {len(plans)} cells: {_total(plans, 1)}."]
    lines += [f"{label}: {_summary(plan)}" for label, plan in zip(labels, plans, strict=True)]
    return "\n".join([*lines, *_guessing(plans)])


def _tell_of_folder(given: Given, looking: _Looking) -> int:
    folder = tasks.prepare(given, looking)
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
