"""What candidates go through after their training."""

from collections.abc import Callable, Mapping, Sequence
import itertools
from typing import Any

from effnas import errors, quant
from effnas.recipe import pipeline, steps
from effnas.recipe import step as step_lib

# The name of the training itself, before the steps.
TRAINING = 'train'


def recipe(
  section: Mapping[str, Any], trained: Mapping[str, Any]
) -> pipeline.Pipeline:
  """Returns the steps of a candidate.

  Args:
    section: The config's 'compress', without choices.
    trained: Arguments of `effnas.quant.rules` that it is trained under.

  Raises:
    UserError: A step or setting is unknown, makes no sense where it stands, or
      quantizes what is quantized already.
  """
  found = pipeline.Pipeline(steps.load(section))
  float_ = trained.get('weights') == quant.FLOAT and not trained.get('patterns')
  if not float_ and any(step.name == 'quantize' for step in found.steps):
    raise errors.UserError(
      'a network is quantized once: compress.quantize wants it trained in '
      f'float, quant.weights={quant.FLOAT} and no quant.patterns'
    )
  return found


def following(
  epochs: int,
  these: Sequence[step_lib.Step],
  report: Callable[[int, Mapping[str, Any]], None],
) -> Callable[[str, int, Mapping[str, Any]], None]:
  """Counts the epochs of steps on from those of the training.

  Args:
    epochs: Of the training.
    these: The steps after it.
    report: Called with an epoch, counted over all, and its metrics.

  Returns:
    What `effnas.recipe.context.Context` takes as `report`.
  """
  counts = itertools.accumulate((s.epochs for s in these), initial=epochs)
  names = (step.name for step in these)
  before = {TRAINING: 0, **dict(zip(names, counts, strict=False))}
  return lambda name, epoch, found: report(before[name] + epoch, found)
