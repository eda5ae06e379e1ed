"""`effnas footprint --layers`: layers, operation classes, bits of weights."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from effnas import terminal
from effnas.cli import figures, show


def sections(subject: Any, batch: int) -> Iterator[figures.Section]:
  """Gives the parts of a network's footprint.

  Args:
    subject: The `effnas.cli.networks.Subject`.
    batch: Examples at a time, of the work.

  Yields:
    'layers' of one example, 'parameters' by convention, 'classes' of a batch,
    'weight_bits'.
  """
  from effnas import footprint
  from effnas.footprint.classes import classes, weight_bits
  from effnas.nn import rewrite
  from effnas.recipe import deployed

  net, shape, dtype = subject.net, subject.input_shape, subject.input_dtype
  layers = footprint.layers(net, shape, input_dtype=dtype)
  yield figures.Section(
    {'layers': [row._asdict() for row in layers]},
    lambda: _layers(layers),
  )
  counts = footprint.parameters(net, shape, input_dtype=dtype)
  yield figures.Section({'parameters': counts}, lambda: _parameters(counts))
  # Without rules, whose arithmetic in training would count as work.
  plain = rewrite.Rewritten(net.model)
  work = classes(plain, shape, batch=batch, input_dtype=dtype)
  yield figures.Section(
    {'classes': [row._asdict() for row in work]}, lambda: _work(work, batch)
  )
  variables = subject.variables
  if variables is None:
    variables = deployed.converted(net, shape, dtype)
  bits = weight_bits(variables)
  yield figures.Section({'weight_bits': bits}, lambda: _weights(bits))


def _layers(rows: Sequence[Any]) -> None:
  """Prints the layers of a network.

  Args:
    rows: What `footprint.layers` gave.
  """
  show.table(
    ['layer', 'kind', 'MACs', 'parameters', 'bytes'],
    [[row.path or '(network)', *row[1:]] for row in rows],
  )


def _parameters(counts: Mapping[str, int]) -> None:
  """Prints the parameters by the conventions in use."""
  show.table(
    ['parameters', '', 'counted so by'],
    [
      ['without batch normalisation', counts['folded'], 'TF-slim'],
      ['trainable', counts['trainable'], 'timm, torchvision; params here'],
      ['with its moments', counts['kept'], 'Keras'],
    ],
  )


def _work(rows: Sequence[Any], batch: int) -> None:
  """Prints the work of a network by operation class, and the total.

  Args:
    rows: What `footprint.classes` gave.
    batch: Examples at a time.
  """
  from effnas.report import labels

  def cells(row):
    moved = row[3:-2] if other else row[3:-3]
    sizes = [labels.value('size_bytes', number) for number in moved]
    macs, operations = (labels.value('macs', number) for number in row[1:3])
    said = None if row.intensity is None else f'{row.intensity:.2f}'
    return [row.kind, macs, operations, *sizes, row.launches, said]

  other = any(row.other_bytes for row in rows)
  terminal.out(f'By operation class, in float32, batch {batch}:', '')
  shown = [*rows, rows[0].total(rows)] if rows else []
  columns = ['class', 'MACs', 'ops', 'read', 'written', 'weights']
  columns += ['indices'] if other else []
  show.table([*columns, 'kernels', 'ops/byte'], [cells(row) for row in shown])


def _weights(bits: Mapping[int, int]) -> None:
  """Prints the bytes of the weights by their bit width.

  Args:
    bits: What `footprint.weight_bits` gave.
  """
  rows: list[list[Any]] = [[f'{width} bits', n] for width, n in bits.items()]
  show.table(
    ['weights of', 'bytes'],
    [*rows, ['total; the file adds its header', sum(bits.values())]],
  )
