"""Layers with their gradients, ours and Flax's: dense, normalisation, pooling.

python benchmarks/layers.py

One jitted layer at a time, forward and all gradients, in training, at the
first and a middle stage of MobileNetV2 at 32x32 and batch 64. The gradient
that comes back is the output of an activation, as in a network. Takes seconds.
"""

from collections.abc import Callable
import functools

from flax import linen
import jax
import timing

from effnas.nn import layers, pool

# Input (N, H, W, C) and, of the dense layer, its features.
_SHAPES = (((64, 32, 32, 16), 96), ((64, 16, 16, 24), 144))


# Side and stride of a pooling.
_POOLINGS = ((2, 2), (3, 1), (3, 2))


class _Pooling(linen.Module):
  pooled: Callable[[jax.Array], jax.Array]

  def __call__(self, x):
    return self.pooled(x)


def _pooled(pooled, how, x):
  return pooled(x, *how)


def _run(layer, shape, **train):
  """Returns a function that runs a layer and waits for it."""
  x = jax.random.normal(jax.random.key(0), shape)
  variables = layer.init(jax.random.key(1), x)
  params = variables.get('params', {})
  state = {k: v for k, v in variables.items() if k != 'params'}

  @jax.jit
  def run(params, x):
    def loss(params, x):
      y, _ = layer.apply(
        {'params': params, **state}, x, mutable=list(state), **train
      )
      return (jax.nn.relu6(y) ** 2).sum()

    return jax.grad(loss, (0, 1))(params, x)

  return lambda: jax.block_until_ready(run(params, x))


def main():
  """Prints a row per layer and shape."""
  print(f'jax {jax.__version__} on {jax.devices()[0].device_kind}; ms')
  print(f'{"layer":21} {"input":>14} {"ours":>7} {"Flax":>7} {"ratio":>6}')
  for shape, features in _SHAPES:
    wide = (*shape[:-1], features)
    pairs = {
      f'dense, {features}': (
        _run(layers.Dense(features), shape),
        _run(linen.Dense(features), shape),
      ),
      'batch normalisation': (
        _run(layers.Norm(), wide, train=True),
        _run(linen.BatchNorm(use_running_average=False), wide),
      ),
    }
    for side, stride in _POOLINGS:
      pad = (side - 1) // 2
      how = (side, side), (stride, stride), ((pad, pad), (pad, pad))
      pairs[f'max, {side}x{side}, stride {stride}'] = tuple(
        _run(_Pooling(functools.partial(_pooled, pooled, how)), wide)
        for pooled in (pool.max_pool, linen.max_pool)
      )
    for name, (ours, flax) in pairs.items():
      found = timing.medians({'ours': ours, 'flax': flax})
      size = 'x'.join(map(str, shape if 'dense' in name else wide))
      print(
        f'{name:21} {size:>14} {found["ours"]:7.2f} {found["flax"]:7.2f} '
        f'{found["flax"] / found["ours"]:6.1f}'
      )


if __name__ == '__main__':
  main()
