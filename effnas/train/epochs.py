"""The epochs of one training, each with what holds in it."""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any

import jax

from effnas.train import curriculum as curriculum_lib
from effnas.train import epoch as epoch_lib
from effnas.train import evaluation, resolutions, step
from effnas.train import feed as feed_lib
from effnas.train import state as state_lib


@dataclasses.dataclass(frozen=True, eq=False)
class Epochs:
  """What the epochs of a training have in common.

  Attributes:
    plan: Of the compiled epoch, at the inputs' own resolution.
    feed: The training rows.
    split: The training split, for a curriculum.
    dataset: Where the validation split comes from.
    numbers: What is traced.
    count: Epochs of the whole training.
    seed: Of order, augmentation, dropout.
    eval_every: Epochs between evaluations; 0 is never.
    sides: Pieces of other resolutions.
    course: The curriculum, or None.
  """

  plan: epoch_lib.Plan
  feed: feed_lib.Feed
  split: Any
  dataset: Any
  numbers: Mapping[str, Any]
  count: int
  seed: int
  eval_every: int
  sides: resolutions.Pieces = ()
  course: curriculum_lib.Curriculum | None = None

  def __call__(
    self, state: state_lib.State, epoch: int, last: bool
  ) -> tuple[state_lib.State, dict[str, Any]]:
    """Trains one epoch.

    Args:
      state: The state before it; its buffers are used up.
      epoch: From 1.
      last: Whether it is evaluated in any case.

    Returns:
      The state after it, and its metrics.

    Raises:
      Diverged: If the loss is not finite.
    """
    numbers = self.numbers
    if self.course:
      state = self._judged(state, epoch)
      share = self.course.share(epoch, self.count)
      ranked = curriculum_lib.numbers(
        state.kept['order'], share, self.plan.batch_size
      )
      numbers = {**numbers, 'curriculum': ranked}
    state, record = self._steps(state, epoch, numbers)
    if self.eval_every and (last or epoch % self.eval_every == 0):
      record |= evaluation.evaluate(
        self.plan.net, state.variables(), self.dataset.valid, self.dataset
      )
    return state, record

  def _judged(self, state: state_lib.State, epoch: int) -> state_lib.State:
    """Puts the rows in order, once it is known how hard they are."""
    assert self.course is not None
    if epoch != self.course.before + 1:
      return state
    losses = self.course.losses
    if losses is None:
      losses = evaluation.row_losses(
        self.plan.net, state.variables(), self.split, self.dataset
      )
    return state.keep(order=curriculum_lib.order(losses))

  def _steps(
    self, state: state_lib.State, epoch: int, numbers: Mapping[str, Any]
  ) -> tuple[state_lib.State, dict[str, Any]]:
    side = resolutions.at(self.sides, epoch, self.count)
    run = epoch_lib.compiled(self.plan._replace(side=side))
    key = jax.random.fold_in(jax.random.key(self.seed), epoch)
    rows = self.plan.batch_size * self.plan.accumulate
    kept, state = state.kept, state.keeping(None)
    totals = {'loss': 0.0, 'accuracy': 0.0}
    for i, (x, y) in enumerate(self.feed(self.seed, epoch)):
      state, metrics = run(state, x, y, jax.random.fold_in(key, i), numbers)
      share = len(x) // rows / self.feed.steps
      for name, value in jax.device_get(metrics).items():
        totals[name] += share * float(value)
    if not math.isfinite(totals['loss']):
      raise step.Diverged(f'loss is {totals["loss"]} in epoch {epoch}')
    record = {'epoch': epoch} | {f'train_{k}': v for k, v in totals.items()}
    return state.keeping(kept), record
