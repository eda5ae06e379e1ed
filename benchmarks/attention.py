r"""Time and memory of attention as sequences grow.

python benchmarks/attention.py --plot=docs/attention.png

Forward pass and gradients of queries, keys and values of one sequence, 4 heads
of 32 channels, float32, on the device that JAX finds first (JAX_PLATFORMS=cpu
picks the CPU). Time is the least of several runs; memory is what the compiled
program holds beside its inputs and outputs. The last two columns say how both
grow: the slope of their logarithms over that of the length, 1 for linear and 2
for quadratic growth. About 90 s on two cores.
"""

from collections.abc import Sequence
import os
import pathlib
import time

from absl import app, flags, logging
import jax
import numpy as np

from effnas import files
from effnas.nn.attention import linear, performer, sliding, softmax

_LENGTHS = flags.DEFINE_list(
  'lengths', ['1024', '2048', '4096', '8192', '16384'], 'Sequence lengths.'
)
_PLOT = flags.DEFINE_string('plot', None, 'PNG file to draw the table into.')
_REPEAT = flags.DEFINE_integer('repeat', 5, 'Runs, of which the least counts.')

_HEADS, _CHANNELS = 4, 32
_MIXERS = {
  'softmax': softmax.Softmax(),
  'sliding, 64 a side': sliding.Sliding(64),
  'Performer, M = 64': performer.Performer(64),
  'linear': linear.Linear(),
  'linear, causal': linear.Linear(causal=True),
}
# Blue, orange, green, purple, pink of Okabe and Ito.
_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#7a4fa3', '#cc79a7')


def _memory(device) -> int:
  """Returns the bytes that a program on the device may hope for."""
  stats = device.memory_stats() or {}
  if 'bytes_limit' in stats:
    return stats['bytes_limit']
  found = [os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')]
  group = pathlib.Path('/sys/fs/cgroup/memory.max')
  if group.exists() and group.read_text().strip().isdigit():
    found.append(int(group.read_text()))
  return min(found)


def measure(mixer, length: int, limit: int) -> tuple[float, int]:
  """Measures forward and backward pass.

  Args:
    mixer: From `effnas.nn.attention`, without parameters.
    length: Positions.
    limit: Bytes of temporary memory above which nothing is run.

  Returns:
    (milliseconds, NaN where it was not run; bytes of temporary memory).
  """

  def loss(q, k, v):
    return (mixer.apply({}, q, k, v, (length,)) ** 2).sum()

  rng = np.random.default_rng(0)
  shape = (1, length, _HEADS, _CHANNELS)
  x = [rng.standard_normal(shape, np.float32) for _ in range(3)]
  run = jax.jit(jax.grad(loss, (0, 1, 2))).lower(*x).compile()
  nbytes = run.memory_analysis().temp_size_in_bytes
  if nbytes > limit:
    return np.nan, nbytes
  x = jax.device_put(x)
  jax.block_until_ready(run(*x))
  times = []
  for _ in range(_REPEAT.value):
    start = time.perf_counter()
    jax.block_until_ready(run(*x))
    times.append(time.perf_counter() - start)
  return 1e3 * min(times), nbytes


def _slope(lengths, values) -> float:
  kept = np.isfinite(values)
  if kept.sum() < 2:
    return np.nan
  return np.polyfit(np.log(lengths[kept]), np.log(values[kept]), 1)[0]


def _draw(path, lengths, found, where):
  import matplotlib as mpl

  mpl.use('Agg')
  from matplotlib import pyplot as plt

  figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), layout='constrained')
  titles = ('Milliseconds', 'MB of temporary memory')
  for panel, title, row in zip(panels, titles, (0, 1), strict=True):
    ends = []
    for (name, values), colour in zip(found.items(), _COLOURS, strict=True):
      y = values[row] / (1, 1e6)[row]
      kept = np.isfinite(y)
      panel.loglog(lengths[kept], y[kept], color=colour, marker='o', ms=4)
      grows = f'{name} $\\propto T^{{{_slope(lengths, y):.1f}}}$'
      ends.append((y[kept][-1], lengths[kept][-1], grows, colour))
    panel.set_title(title, loc='left', fontsize=11)
    panel.set_xlabel('Positions $T$')
    panel.set_xticks(lengths, [f'{n:,}' for n in lengths])
    panel.minorticks_off()
    panel.yaxis.set_major_formatter('{x:,g}')
    panel.grid(axis='y', color='#dddddd', lw=0.6)
    panel.spines[['top', 'right']].set_visible(False)
    _label(panel, ends)
  figure.suptitle(
    'Forward and backward pass of one sequence, 4 heads of 32 channels, '
    f'float32, {where}',
    fontsize=11,
    x=0.01,
    ha='left',
  )
  with files.draft(path) as place:
    figure.savefig(place, dpi=150)


def _label(panel, ends):
  """Writes each line's name at its end, apart from the others."""
  low, high = np.log(panel.get_ylim())
  apart, last = 0.055 * (high - low), -np.inf
  for value, length, name, colour in sorted(ends):
    last = max(np.log(value), last + apart)
    panel.annotate(
      name,
      (length, np.exp(last)),
      (7, 0),
      textcoords='offset points',
      va='center',
      color=colour,
      fontsize=9,
      annotation_clip=False,
    )


def main(argv: Sequence[str]) -> None:
  """Prints a row per kind of attention, and draws them."""
  del argv
  lengths = np.array(sorted(int(n) for n in _LENGTHS.value))
  logging.set_verbosity(logging.WARNING)  # Of backends that are not there.
  device = jax.devices()[0]
  where = device.device_kind
  if device.platform == 'cpu':
    where = f'CPU with {os.cpu_count()} cores'
  limit = _memory(device) // 2
  print(f'{where}, jax {jax.__version__}; ms | MB')
  heads = ''.join(f'{n:>17,}' for n in lengths)
  print(f'{"":24}{heads}   grows as T^ (ms, MB)')
  found, skipped = {}, []
  for name, mixer in _MIXERS.items():
    print(f'{name:24}', end='', flush=True)
    rows = []
    for n in lengths:
      ms, nbytes = measure(mixer, int(n), limit)
      cell = f'{ms:.1f} | {nbytes / 1e6:,.0f}'
      if np.isnan(ms):
        cell = f'not run | {nbytes / 1e6:,.0f}'
        skipped.append(f'{name} at {n:,}: {nbytes / 1e9:.1f} GB')
      print(f'{cell:>17}', end='', flush=True)
      rows.append((ms, nbytes))
    found[name] = np.array(rows, float).T
    slopes = [_slope(lengths, values) for values in found[name]]
    print('   ' + ', '.join(f'{s:.2f}' for s in slopes))
  for line in skipped:
    print(f'not run: {line}, more than half of the memory ({limit / 1e9:.1f})')
  if _PLOT.value:
    _draw(_PLOT.value, lengths, found, where)
    print(f'wrote {_PLOT.value}')


if __name__ == '__main__':
  app.run(main)
