"""What paints frames: the optimizer, which starts from the frame before, or a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize_tf.config.video import VideoConfig
from stylize_tf.iterative.sources import Sources
from stylize_tf.video.warping import Previous, blended

if TYPE_CHECKING:
    from stylize_tf.config.style_transfer import StyleTransferConfig
    from stylize_tf.evaluation.engine import Engine
    from stylize_tf.iterative.run import Iterate
    from stylize_tf.jobs.networks.painting import NetworkStylizer

Finish = Callable[[np.ndarray], np.ndarray]
"""What is handed on to the next frame -> the frame as it is shown: `[1, H, W, 3]` in [0, 1]."""


FROM_AFAR = 2.0
"""Factor of the weight of the style seen from afar, in frames after the first: they have few steps,
and what comes into sight gets its great forms last. A gram of .105 became .100 so, without that
term at the full size it was .125."""


class FramesByOptimizer:
    """Paints frames by optimizing them.

    The first, and each after a cut, is painted like a picture. Another one starts from what the
    ones before say of it (`Previous`), and a term of the objective keeps it near to that: Ruder,
    Dosovitskiy & Brox (2016), who start a frame so, too, and make some hundred steps at its full
    size; here few will do, as nothing is left to do but at what came into sight. Those at half its
    size give that its forms, at a third of the cost; what they change is brought to what the
    frame starts from, whose strokes stay.

    Args:
        config: of a picture.
        video: of the clip.
        engine: what is compiled.
        styles: the paintings.
        follow: called with each iterate; raises to stop.

    Attributes:
        finish: of the frame that was painted last.
        steps: evaluations of a frame after the first, as `VideoConfig.frame_steps`; may be changed
            between frames.
        budget: seconds of a frame that begins anew; 0 for as long as it takes; likewise.
    """

    def __init__(
        self,
        config: StyleTransferConfig,
        video: VideoConfig,
        engine: Engine,
        styles: Sequence[np.ndarray],
        follow: Callable[[Iterate], None] = lambda iterate: None,
    ):
        from stylize_tf.iterative.stylizer import Stylizer
        from stylize_tf.video import temporal

        terms = [temporal.of(video.temporal_weight)] if video.temporal_weight else []
        self._first = Stylizer(config, engine=engine, extra_terms=terms)
        self._term = terms[0].name if terms else None
        self._styles, self._follow = tuple(styles), follow
        self.budget = config.time_budget
        self.steps = video.frame_steps
        self.finish: Finish = lambda image: image

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides its pixels here and now, beside the options: what "auto" came to."""
        return {"precision": self._first.config.precision, "memory": self._first.config.memory}

    def __call__(self, frame: np.ndarray, previous: Previous | None) -> np.ndarray:
        """The painted frame; see `sequence.FramePainter`."""
        given = {}
        if self._term is not None:
            known = np.zeros([1, 1, 1, 4], np.float32)
            if previous is not None:
                known = np.concatenate([previous.image, previous.weights * previous.grown], axis=3)
            given[self._term] = known
        stylizer, initial = self._first, None
        if previous is not None:
            initial = previous.start
            coarsest = max(frame.shape[1:3]) // 2 ** (len(self.steps) - 1)
            stylizer = self._first.replace(
                init="picture",
                coarsest_size=coarsest if len(self.steps) > 1 else 0,
                stage_factor=2.0,
                steps=self.steps,
                time_budget=0.0,
                coarse_style_weight=FROM_AFAR * self._first.config.coarse_style_weight,
            )
        elif self.budget:
            stylizer = self._first.replace(time_budget=self.budget)
        sources = Sources.of(frame, self._styles, initial=initial, given=given)
        for iterate in stylizer.iterate(sources):
            self._follow(iterate)
        self.finish = iterate.finish
        return np.clip(iterate.picture.numpy(), 0, 1)


class FramesByNetwork:
    """Paints frames by a network, and gives back what the frames before say of them.

    Args:
        stylizer: of the network.
        video: of the clip.

    Attributes:
        finish: as of `FramesByOptimizer`; there is nothing to finish.
    """

    finish: Finish = staticmethod(lambda image: image)

    def __init__(self, stylizer: NetworkStylizer, video: VideoConfig):
        self._stylizer, self._blend = stylizer, video.blend
        self.steps, self.budget = (1,), 0.0

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides its pixels here and now, beside the options."""
        return {}

    def __call__(self, frame: np.ndarray, previous: Previous | None) -> np.ndarray:
        """The painted frame; see `sequence.FramePainter`."""
        [iterate] = self._stylizer.iterate(Sources.of(frame, ()))
        painted = iterate.image
        if previous is None:
            return painted
        return blended(painted, previous, self._blend).clip(0, 1)
