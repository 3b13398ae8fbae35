"""The recipe `pytorch-adam` in PyTorch, step by step, with the value and the time of each.

    python -m benchmarks.peers.reference_pytorch_adam problem.npz --csv steps.csv [--steps 3000]

The recipe: the picture is a variable divided by torchvision's standard deviations after its means
are subtracted, moved by `torch.optim.Adam` with learning rate 0.003 from the photograph, never
clipped. The objective is the preset's (`stylize_tf/presets.py` tells the conversion to Keras'
weights of VGG19), whose problem file `benchmarks.peers.time_to_quality` writes.

The CSV has a line a step: the value before the step, as the recipe prints it, and the step's
seconds. A run that was stopped goes on where its state file (beside the CSV) says; the picture at
the end goes beside it too. Prints one JSON line: the value after the last step, of the picture as
it is and clipped to [0, 1].
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import problem as problems
from benchmarks.peers import twin_pytorch

MEANS = torch.tensor((0.485, 0.456, 0.406)).reshape(1, 3, 1, 1)
DEVIATIONS = torch.tensor((0.229, 0.224, 0.225)).reshape(1, 3, 1, 1)
LEARNING_RATE = 0.003
SAVE_EVERY = 100


class Recipe:
    """The variable, its optimizer and the objective.

    Args:
        problem: with the preset's objective.
        layout: "nchw", as users run it, or "channels_last", which can be faster.
    """

    def __init__(self, problem: problems.Problem, layout: str = "nchw"):
        self.objective = twin_pytorch.Objective(problem, "float32", layout)
        content = twin_pytorch.to_tensor(problem.content)
        self.means, self.deviations = MEANS.to(content), DEVIATIONS.to(content)
        self.variable = ((content - self.means) / self.deviations).requires_grad_()
        self.optimizer = torch.optim.Adam([self.variable], lr=LEARNING_RATE)

    def picture(self) -> torch.Tensor:
        """In [0, 1] but for what the steps took out of it."""
        return self.variable * self.deviations + self.means

    def step(self) -> float:
        """The value before the step that it takes."""
        self.optimizer.zero_grad()
        value = self.objective(self.picture())
        value.backward()
        self.optimizer.step()
        return float(value.detach())

    def steps(self, first: int, last: int) -> Iterator[tuple[int, float, float]]:
        """Takes the steps; number, value and seconds of each."""
        for number in range(first, last + 1):
            start = time.perf_counter()
            value = self.step()
            yield number, value, time.perf_counter() - start

    def state(self) -> dict[str, object]:
        """What another `Recipe` needs to go on."""
        return {"variable": self.variable.detach(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, object]) -> None:
        """Goes on from a `state`."""
        with torch.no_grad():
            self.variable.copy_(state["variable"])
        self.optimizer.load_state_dict(state["optimizer"])


def run(recipe: Recipe, steps: int, csv: Path) -> int:
    """Takes the steps, writing the CSV and the state; the number of the last step taken."""
    state_file, done = csv.with_suffix(".state"), 0
    if state_file.exists() and csv.exists():
        state = torch.load(state_file, weights_only=True)
        recipe.restore(state)
        done = state["step"]
        lines = csv.read_text(encoding="utf-8").splitlines()[: done + 1]
    else:
        lines = ["step,value,seconds"]
    csv.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with csv.open("a", encoding="utf-8", buffering=1) as file:
        for number, value, seconds in recipe.steps(done + 1, steps):
            file.write(f"{number},{value:.7g},{seconds:.4f}\n")
            if number % SAVE_EVERY == 0:
                unfinished = state_file.with_suffix(".unfinished")
                torch.save({**recipe.state(), "step": number}, unfinished)
                unfinished.replace(state_file)
    return max(done, steps)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the recipe and print what it reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.reference_pytorch_adam")
    parser.add_argument("problem", type=Path)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to PyTorch.")
    parser.add_argument("--layout", choices=list(twin_pytorch.LAYOUTS), default="nchw")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = Recipe(problems.read(options.problem), options.layout)
    steps = run(recipe, options.steps, options.csv)
    with torch.no_grad():
        picture = recipe.picture()
        np.save(options.csv.with_suffix(".npy"), twin_pytorch.to_picture(picture))
        values = {
            "steps": steps,
            "value": float(recipe.objective(picture)),
            "value_clipped": float(recipe.objective(picture.clamp(0, 1))),
        }
    print(json.dumps(values))


if __name__ == "__main__":
    main()
