"""Gradients of a convolution inside `lax.scan`: ours against lax, in one run.

python benchmarks/convolution_in_scan.py
"""

import jax
from jax import lax
import timing

from effnas.nn import convolve

_STEPS = 5
# Input, kernel, groups.
_PROBLEMS = (
  ((128, 16, 16, 32), (3, 3, 32, 32), 1),
  ((128, 8, 8, 64), (5, 5, 1, 64), 64),
)


def _steps(convolution, x, w, groups):
  """Returns a function that takes steps of forward and both gradients."""
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
  return lambda: run(w).block_until_ready()


def main():
  """Prints a row per problem."""
  for shape, kernel, groups in _PROBLEMS:
    x = jax.random.normal(jax.random.key(0), shape)
    w = jax.random.normal(jax.random.key(1), kernel)
    found = timing.medians(
      {
        'ours': _steps(convolve.conv_general_dilated, x, w, groups),
        'lax': _steps(lax.conv_general_dilated, x, w, groups),
      },
      repeats=3,
    )
    ours, native = (found[name] / _STEPS for name in ('ours', 'lax'))
    print(
      f'{shape} * {kernel}, {groups} groups: ours {ours:.1f} ms, '
      f'lax {native:.1f} ms, ratio {native / ours:.1f}',
      flush=True,
    )


if __name__ == '__main__':
  main()
