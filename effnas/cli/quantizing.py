"""The rows and tables of `effnas quantize`."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
from typing import Any

from effnas import terminal, words
from effnas.cli import progress, show


@dataclasses.dataclass(frozen=True)
class Row:
  """One network of the table.

  Attributes:
    name: 'float', '8 bits', 'mixed 1'.
    bits: Bits of the weights: of all layers, or by layer.
    activations: Bits of the layers' inputs.
    accuracy: On the validation split.
    loss: Likewise, in nats.
    costs: By metric.
    sources: By metric, where the cost comes from.
    estimate: The loss that the sum over layers foretold, where there is one.
    fits: Whether it is within the budget, where there is one.
  """

  name: str
  bits: int | Mapping[str, int]
  activations: int
  accuracy: float
  loss: float
  costs: Mapping[str, float]
  sources: Mapping[str, str]
  estimate: float | None = None
  fits: bool | None = None

  def json(self) -> dict[str, Any]:
    """Returns JSON values."""
    found = dataclasses.asdict(self)
    found['weights'] = found.pop('bits')
    return {key: v for key, v in found.items() if v is not None}

  def widths(self) -> str:
    """Says the bits of the weights, and of how many layers each."""
    if isinstance(self.bits, int):
      return str(self.bits)
    counts = Counter(self.bits.values())
    return ', '.join(f'{w} in {counts[w]}' for w in sorted(counts)[::-1])


def served(name: str, weights: int, activations: int, found: Any) -> Row:
  """Makes the row of what `strategy.post_training` gave."""
  return Row(
    name,
    weights,
    activations,
    found.accuracy,
    found.loss,
    found.costs,
    found.sources,
  )


def assigned(mixed: Any) -> Iterator[Row]:
  """Makes the rows of what `strategy.mixed_precision` gave.

  Args:
    mixed: What it gave.

  Yields:
    Each width throughout, then the mixed ones, the best first.
  """
  named = [(f'{w} bits', w, one) for w, one in mixed.uniform.items()]
  named += [
    (f'mixed {i}', one.bits, one) for i, one in enumerate(mixed.assignments, 1)
  ]
  for name, bits, one in named:
    yield Row(
      name,
      bits,
      mixed.activations,
      one.accuracy,
      one.loss,
      one.costs,
      one.sources,
      mixed.sensitivity.loss + one.estimate,
      one.fits,
    )


def table(rows: Sequence[Row]) -> None:
  """Prints networks, and where their latencies come from.

  Args:
    rows: The networks, with the same costs.
  """
  from effnas.report import labels

  metrics = list(rows[0].costs)
  budget = any(row.fits is not None for row in rows)
  columns = ['network', 'weights', 'inputs', 'accuracy', 'loss']
  columns += ['estimated'] * budget
  columns += [labels.title(name) for name in metrics]
  cells = []
  for row in rows:
    told = [labels.value('accuracy', row.accuracy), f'{row.loss:.4f}']
    if budget:
      told.append('-' if row.estimate is None else f'{row.estimate:.4f}')
    for name in metrics:
      word = labels.source(row.sources[name]) if '@' in name else ''
      told.append(f'{labels.value(name, row.costs[name])} {word}'.rstrip())
    if budget:
      told.append({True: 'yes', False: 'no', None: '-'}[row.fits])
    cells.append([row.name, row.widths(), row.activations, *told])
  show.table([*columns, *['within budget'] * budget], cells)
  terminal.out()
  for name in metrics:
    if '@' in name:
      sources: dict[str, list[str]] = {}
      for row in rows:
        sources.setdefault(row.sources[name], []).append(row.name)
      said = [f'{", ".join(who)}: {what}' for what, who in sources.items()]
      terminal.out(f'{labels.title(name)}: {"; ".join(said)}')


def sensitivities(found: Any) -> None:
  """Prints what each layer's bits add to the loss.

  Args:
    found: What `strategy.sensitivity` gave.
  """
  columns = [f'{width} bits' for width in found.bits]
  increases = [found.increases(width) for width in found.bits]
  terminal.out(
    f'float: loss {found.loss:.4f}, accuracy {found.accuracy:.4f} on '
    f'{words.number(found.examples, "validation example")}. What a layer '
    'adds to the loss when it alone is quantized:',
    '',
  )
  show.table(
    ['layer', 'weights', *columns],
    [
      [path or '(network)', n, *(f'{one[path]:+.4f}' for one in increases)]
      for path, n in found.weights.items()
    ],
  )


def section(rules: Mapping[str, Any]) -> str:
  """Writes a config's section `quant`, ready to paste.

  Args:
    rules: Arguments of `quant.rules`.

  Example:
    >>> print(section({'weights': 4, 'patterns': {'stem': 8}}))
    'quant': {
      'weights': 4,
      'patterns': {
        'stem': 8,
      },
    },
  """
  lines = ["'quant': {"]
  for key, value in rules.items():
    if isinstance(value, Mapping):
      inner = [f'    {k!r}: {v!r},' for k, v in value.items()]
      lines += [f'  {key!r}: {{', *inner, '  },']
    else:
      lines.append(f'  {key!r}: {value!r},')
  return '\n'.join([*lines, '},'])


@contextlib.contextmanager
def told() -> Iterator[Callable[[str, int, int], None]]:
  """Tells how far the parts of a longer work are, one after the other.

  Yields:
    A function of what is counted, and how many of how many are done.
  """
  with contextlib.ExitStack() as stack:
    bars: dict[str, progress.Progress] = {}

    def report(what: str, done: int, total: int) -> None:
      if what not in bars:
        stack.close()  # the line before stays as it is
        bars[what] = progress.Progress(what, total, patience=2.0)
        stack.enter_context(bars[what])
      bars[what].update(done)

    yield report
