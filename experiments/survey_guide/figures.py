"""What a trained network becomes: files of 8 and 4 bits, and their accuracy."""

from collections.abc import Callable, Mapping
import functools
from typing import Any

import cells
import published
import training

from effnas import data, footprint, train
from effnas.compress import storage
from effnas.footprint import weights
from effnas.nn import rewrite
from effnas.recipe import artefact, context, deployed, network
from effnas.recipe.steps import quantize

# As the survey quantizes: a scale for each output channel of a convolution and
# one for a dense kernel, ranges of 100 images, normalisations not folded.
INT8: Mapping[str, Any] = {
  'weights': 8,
  'activations': 8,
  'patterns': {
    'hidden': {'scales': 'tensor'},
    'classifier': {'scales': 'tensor'},
  },
  'zero_point': 'activations',
  'ranges': 'static',
  'examples': 100,
  'fold': False,
}
# Beyond the survey: bits of the weights of quantization-aware training.
AWARE = {'qat_8': 8, 'qat_4': 4}
FIGURES = ('int8', *AWARE)
# Its length, as a share of the cell's epochs, and its learning rate.
_SHARE, _SLOWER = 0.1, 0.1


def aware_epochs(cell: cells.Cell) -> int:
  """Returns the epochs of quantization-aware training after a cell's own.

  Example:
    >>> aware_epochs(cells.Cell(0.05, 'aug')), aware_epochs(
    ...   cells.Cell(0.05, 'aug', epochs=3))
    (10, 1)
  """
  return max(1, round(_SHARE * cell.epochs))


def step(cell: cells.Cell, figure: str) -> quantize.Quantize:
  """Returns the step of a recipe that makes a figure.

  Args:
    cell: The cell.
    figure: One of `FIGURES`.
  """
  if figure == 'int8':
    return quantize.Quantize(**INT8)
  return quantize.Quantize(
    weights=AWARE[figure],
    activations=8,
    learned=True,
    epochs=aware_epochs(cell),
    lr=_SLOWER * cell.settings.lr,
  )


def compute(
  cell: cells.Cell,
  figure: str,
  variables: Any,
  dataset: data.Dataset,
  *,
  teacher: Any = None,
  report: Callable[[str], None] = print,
) -> dict[str, Any]:
  """Quantizes a trained network and measures the integer one.

  Args:
    cell: The cell.
    figure: One of `FIGURES`.
    variables: Trained, in float.
    dataset: CIFAR-10, see `training.load`.
    teacher: Variables of its teacher, where it has one.
    report: Called with a line after each epoch of training.

  Returns:
    'valid' and 'test', accuracies in shares, and 'bytes' of the file.
  """
  dataset = training.images(cell, dataset)
  own = training.arguments(cell, dataset, teacher)
  found = step(cell, figure).run(
    network.Network(rewrite.Rewritten(cell.model()), variables),
    context.Context(
      dataset,
      train=own,
      optim=cell.optim(),
      report=lambda _, epoch, got: report(
        f'{cell.folder}: {figure}, epoch {epoch}, loss {got["train_loss"]:.3f}'
      ),
    ),
  )
  shape, dtype = tuple(dataset.input_shape), context.input_dtype(dataset)
  served = artefact.converted(found, shape, dtype)
  file = weights.serialize(artefact.stored(served))
  kept = storage.unpack(weights.deserialize(file))

  def accuracy(split):
    got = train.evaluate(served.net, kept, split, dataset)
    return round(got['accuracy'], 4)

  row = {'test': accuracy(dataset.test), 'bytes': len(file)}
  return row if cell.whole else {'valid': accuracy(dataset.valid), **row}


def counts() -> dict[str, dict[str, int]]:
  """Returns what is known of each width without training.

  Returns:
    By width: 'parameters', 'trainable', 'macs', and the bytes of our files,
    'float', 'int8', 'qat_8' and 'qat_4'.
  """
  return {str(width): count(width) for width in published.ROWS}


@functools.lru_cache
def count(width: float) -> dict[str, int]:
  """Returns the counts of one width, see `counts`."""
  cell = cells.Cell(width, 'aug')
  shape, dtype = (32, 32, 3), 'float32'
  net = rewrite.Rewritten(cell.model())
  plan = network.planned(net, shape, dtype)
  kinds = footprint.parameters(cell.model(), shape)
  measured = deployed.measure(net, shape)
  found = {
    'parameters': kinds['kept'],
    'trainable': kinds['trainable'],
    'macs': int(measured['macs']),
    'float': int(measured['size_bytes']),
  }
  for figure in FIGURES:
    made = step(cell, figure).plan(plan, shape, dtype)
    file = deployed.measure(
      made.net,
      shape,
      variables=artefact.converted(made, shape, dtype).variables,
    )
    found[figure] = int(file['size_bytes'])
  return found
