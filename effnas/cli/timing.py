"""`effnas footprint --measure`: the latency on the device that is present."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import math
from typing import Any

from absl import flags

from effnas import errors, terminal
from effnas.cli import figures, progress, show


def define(values: flags.FlagValues) -> None:
  """Defines `--measure`, `--batches` and `--seconds`."""
  flags.DEFINE_bool(
    'measure',
    False,
    'Time the network on the device that is here, too.',
    flag_values=values,
  )
  flags.DEFINE_list(
    'batches',
    [],
    'With --measure: several batch sizes, e.g. 1,8,64, instead of --batch.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'seconds',
    2.0,
    'With --measure: about how long to time each batch size.',
    lower_bound=0.01,
    flag_values=values,
  )


def batches(given: Any) -> list[int]:
  """Returns the batch sizes to time, none without `--measure`.

  Args:
    given: Values of the flags of `define`, and `batch`.

  Raises:
    UserError: `--batches` are no positive whole numbers, or stand alone.
  """
  if not given.measure:
    for flag in ('batches', 'seconds'):
      if given[flag].present:
        raise errors.UserError(f'--{flag} goes with --measure')
    return []
  words = [word.strip() for word in given.batches] or [str(given.batch or 1)]
  for word in words:
    if not word.isdecimal() or int(word) < 1:
      raise errors.UserError(
        f'--batches takes whole numbers above 0, e.g. 1,8,64; got {word!r}'
      )
  return list(dict.fromkeys(map(int, words)))


def measure(
  subject: Any, sizes: Sequence[int], seconds: float
) -> list[dict[str, Any]]:
  """Times a network, the converted one where it has quantization rules.

  Args:
    subject: The `effnas.cli.networks.Subject`.
    sizes: Batch sizes, or none.
    seconds: About how long to time each.

  Returns:
    For each batch size the attributes of `measured.Measured`, 'throughput'
    (examples a second) and 'source'.
  """
  from effnas import quant
  from effnas.footprint import measured

  net, variables = subject.net, subject.variables
  said = 'float32'
  if sizes and net.rules:
    if variables is None or _shapes_only(variables):
      variables = _converted(subject)
    net = quant.serving(net)
    said = f'converted to {_integers(variables)}'
    variables = _held(variables)
    progress.tell('converted convolutions compute their integers in float32')
  found = []
  for batch in sizes:
    progress.tell(f'timing at batch {batch} ...')
    timed = measured.time_network(
      net,
      subject.input_shape,
      batch,
      input_dtype=subject.input_dtype,
      variables=variables,
      seconds=seconds,
    )
    found.append(
      dataclasses.asdict(timed)
      | {
        'throughput': 1000 * batch / timed.median_ms,
        'source': (f'measured (n={timed.repetitions}), {said}, batch {batch}'),
      }
    )
  return found


def sections(
  found: Sequence[dict[str, Any]],
) -> Iterator[figures.Section]:
  """Gives what was measured.

  Args:
    found: What `measure` gave.

  Yields:
    'measured', a row for each batch size, where there are some.
  """
  if found:
    yield figures.Section({'measured': list(found)}, lambda: _table(found))


def rows(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
  """Returns the latencies as rows of the table of metrics.

  Args:
    found: What `measure` gave.
  """
  from effnas.report import labels

  return [
    [
      f'latency here ({one["device"]})',
      labels.value('latency_ms', one['median_ms']),
      one['source'],
    ]
    for one in found
  ]


def _table(found: Sequence[Mapping[str, Any]]) -> None:
  """Prints all that was measured; '-' where the device does not tell."""
  from effnas.report import labels

  def row(one):
    spread = (one[f'{name}_ms'] for name in ('p5', 'median', 'p95'))
    joules = one['energy_joules']
    return [
      one['batch'],
      *(labels.value('latency_ms', ms) for ms in spread),
      labels.value('throughput', one['throughput']),
      labels.value('peak_memory_bytes', one['peak_memory_bytes']),
      None if joules is None else f'{labels.rounded(joules, 3)} J',
    ]

  terminal.out(f'Measured on {found[0]["device"]}, a call of a batch:', '')
  show.table(
    ['batch', '5 %', 'median', '95 %', 'throughput', 'memory', 'energy'],
    [row(one) for one in found],
  )


def _shapes_only(variables: Any) -> bool:
  """Whether values are missing: those of a float file under rules are."""
  import jax

  leaves = jax.tree.leaves(variables)
  return any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves)


def _integers(variables: Any) -> str:
  """Names the types of integers among variables, e.g. 'int8'."""
  import jax

  names = {leaf.dtype.name for leaf in jax.tree.leaves(variables)}
  narrow = {'int4': 'int4 (held as int8)'}
  found = [narrow.get(n, n) for n in sorted(names) if n.startswith('int')]
  return ' and '.join(found) or 'float32'


def _held(variables: Any) -> Any:
  """Widens int4: jax 0.10.2 refuses it in a program compiled beforehand.

  (If it lies on a device that was named: 'input layouts that disagree'.)
  """
  import jax

  return jax.tree.map(
    lambda leaf: leaf.astype('int8') if leaf.dtype.name == 'int4' else leaf,
    variables,
  )


def _converted(subject: Any) -> dict[str, Any]:
  """Integers and scales of random weights that keep activations in range."""
  import jax
  import numpy as np

  from effnas import quant
  from effnas.nn import rewrite

  rng = np.random.default_rng(0)

  def draw(leaf):
    if len(leaf.shape) < 2:  # scales, variances, biases
      return (0.9 + 0.2 * rng.random(leaf.shape)).astype(leaf.dtype)
    fan_in = math.prod(leaf.shape[:-1])
    drawn = rng.standard_normal(leaf.shape, np.float32) / math.sqrt(fan_in)
    return drawn.astype(leaf.dtype)

  takes = subject.input_shape, subject.input_dtype
  shapes = rewrite.abstract_variables(subject.net, *takes)
  return quant.convert(subject.net, jax.tree.map(draw, shapes), *takes)[1]
