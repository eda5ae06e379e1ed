"""The tables of a footprint, as `effnas footprint` prints them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from effnas.cli import show


class Section(NamedTuple):
  """What is told beside the metrics.

  Attributes:
    values: For JSON: what stands under which keys.
    show: Prints it.
  """

  values: dict[str, Any]
  show: Callable[[], None]


def table(
  values: Mapping[str, Any],
  sources: Mapping[str, str],
  more: Sequence[Sequence[str]] = (),
) -> None:
  """Prints a footprint.

  Args:
    values: By metric.
    sources: By metric, where the value comes from.
    more: Further rows: what it is, value, source.
  """
  from effnas.report import labels

  rows: list[Sequence[str]] = []
  for name, number in values.items():
    source = sources.get(name, 'counted')
    shown = labels.bounded(value(name, number), source)
    rows.append([labels.title(name), shown, source])
  show.table(['metric', 'value', 'source'], [*rows, *more])


def value(name: str, number: float) -> str:
  """Writes a metric's value: whole numbers in full, others rounded.

  Args:
    name: The metric's name.
    number: Its value.

  Example:
    >>> value('size_bytes', 14_186_704), value('latency_ms@a100', 0.04203)
    ('14,186,704 B', '0.0420 ms')
  """
  from effnas.report import labels

  if isinstance(number, int):
    return f'{number:,} {labels.unit(name)}'.rstrip()
  return labels.value(name, number)


def compiled(found: Sequence[Any]) -> None:
  """Prints the device memory that compilers found.

  Args:
    found: What `footprint.compile_for` gave for each target.
  """
  from effnas.report import labels

  def size(number: int | None) -> str | None:
    return None if number is None else labels.value('size_bytes', number)

  show.table(
    ['device memory on', 'batch', 'variables and input', 'temporaries',
     'output', 'code', 'total', 'fits', 'compiler'],
    [
      [c.target, c.batch, size(c.argument_bytes), size(c.temporary_bytes),
       size(c.output_bytes), size(c.code_bytes), size(c.total_bytes),
       'yes' if c.fits else 'no', c.compiler]
      for c in found
    ],
  )  # fmt: skip
