"""A config's network, trained and then compressed step by step."""

from collections.abc import Callable, Mapping
import dataclasses
import itertools
import pathlib
import shutil
from typing import Any

from effnas import train
from effnas.recipe import artefact
from effnas.recipe import network as network_lib
from effnas.recipe import pipeline as pipeline_lib
from effnas.search.networks import candidate, training


@dataclasses.dataclass(frozen=True)
class Compressed:
  """What came of a network.

  Attributes:
    rows: Of each step, 'start' first.
    test: Quality of the last row's weights file on the test split.
  """

  rows: list[pipeline_lib.Row]
  test: dict[str, float]


def compress(
  config: Mapping[str, Any],
  arch: Mapping[str, Any],
  folder: pathlib.Path,
  *,
  given: str | pathlib.Path | None = None,
  on_row: Callable[[pipeline_lib.Row], None] | None = None,
  report: Callable[[int, Mapping[str, Any]], None] | None = None,
) -> Compressed:
  """Trains a network and takes it through the steps of 'compress'.

  Args:
    config: As a search's; the steps are `effnas.recipe.steps.load` of its
      section 'compress'.
    arch: Which network of the space.
    folder: Receives a weights file for each row, `steps/N_NAME.safetensors`,
      of just the size that the row tells, `weights.safetensors` (the last of
      them), and checkpoints meanwhile where 'train.checkpoint_every' is not 0.
    given: The weights file of the trained float network, where there is one.
    on_row: Called with each row.
    report: Called with each epoch, counted over all steps, and its metrics.

  Returns:
    The rows, and the quality of the last on the test split.

  Raises:
    UserError: The config or a step does not fit.
    Diverged: A loss or logits that are not finite.
  """
  asked = config['footprint']
  network, context = training.trained(
    config, arch, folder, report or (lambda epoch, metrics: None), given
  )
  numbers, last = itertools.count(), [network]

  def keep(row: pipeline_lib.Row, served: network_lib.Network) -> None:
    name = f'{next(numbers)}_{row.step}.safetensors'
    artefact.write(served, folder / 'steps' / name)
    last[:] = [served]
    if on_row is not None:
      on_row(row)

  recipe = candidate.build(config, arch).recipe
  _, rows = recipe.run(
    network,
    context,
    targets=tuple(asked['targets']),
    batch=asked['batch'],
    on_row=keep,
  )
  (found,) = last
  artefact.write(found, folder / training.WEIGHTS)
  shutil.rmtree(folder / 'training', ignore_errors=True)
  dataset = context.dataset
  variables = artefact.read(folder / training.WEIGHTS)
  test = train.evaluate(found.net, variables, dataset.test, dataset)
  return Compressed(rows, test)
