"""Gradients of a convolution inside `lax.scan`: ours against lax, in one run.

python benchmarks/convolution_in_scan.py
"""

import time

import jax
from jax import lax

from effnas.nn import convolve

_STEPS = 5
# Input, kernel, groups.
_PROBLEMS = (
  ((128, 16, 16, 32), (3, 3, 32, 32), 1),
  ((128, 8, 8, 64), (5, 5, 1, 64), 64),
)


def _milliseconds(convolution, x, w, groups):
  """Returns the least time of one step of forward and both gradients."""
  numbers = lax.conv_dimension_numbers(
    x.shape, w.shape, ('NHWC', 'HWIO', 'NHWC')
  )

  def loss(w, x):
    y = convolution(
      x,
      w,
      (1, 1),
      'SAME',
      dimension_numbers=numbers,
      feature_group_count=groups,
    )
    return (y**2).sum()

  def step(w, _):
    dw, dx = jax.grad(loss, (0, 1))(w, x)
    return w - 1e-9 * dw * dx.mean(), None

  run = jax.jit(lambda w: lax.scan(step, w, None, length=_STEPS)[0])
  run(w).block_until_ready()
  times = []
  for _ in range(2):
    start = time.perf_counter()
    run(w).block_until_ready()
    times.append(time.perf_counter() - start)
  return 1e3 * min(times) / _STEPS


def main():
  """Prints a row per problem."""
  for shape, kernel, groups in _PROBLEMS:
    x = jax.random.normal(jax.random.key(0), shape)
    w = jax.random.normal(jax.random.key(1), kernel)
    ours, lax_ = (
      _milliseconds(f, x, w, groups)
      for f in (convolve.conv_general_dilated, lax.conv_general_dilated)
    )
    print(
      f'{shape} * {kernel}, {groups} groups: ours {ours:.1f} ms, '
      f'lax {lax_:.1f} ms, ratio {lax_ / ours:.1f}',
      flush=True,
    )


if __name__ == '__main__':
  main()
