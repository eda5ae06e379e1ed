"""EfficientFormer: what pools, what is symmetric, the published sizes."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import footprint
from effnas.nn import layers
from effnas.nn.blocks import efficientformer

BOTH = [efficientformer.Meta4D, efficientformer.Meta3D]


def _start(block):
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 8))
  return x, jax.jit(block.init)(jax.random.key(1), x)


def test_pooling_averages_the_neighbours_that_there_are():
  block = efficientformer.Meta4D(layer_scale=1.0)
  x, variables = _start(block)
  norm = variables['params']['mlp_out']['normalise']['batch']
  norm['scale'] = jnp.zeros_like(norm['scale'])  # No perceptron.
  expected = np.zeros(x.shape)
  for i, j in np.ndindex(5, 4):
    window = x[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
    expected[:, i, j] = window.mean((1, 2))
  np.testing.assert_allclose(block.apply(variables, x), expected, atol=1e-6)


@pytest.mark.parametrize('kind', BOTH)
def test_it_starts_near_the_identity_and_at_it_without_scale(kind):
  x, variables = _start(kind())
  away = jnp.abs(kind().apply(variables, x) - x).max()
  assert 0 < away < 1e-3
  x, variables = _start(kind(layer_scale=0.0))
  y = kind(layer_scale=0.0).apply(variables, x)
  np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize('kind', BOTH)
def test_dropped_branches_leave_the_input(kind):
  block = kind(layer_scale=1.0, drop_path=1.0)
  x, variables = _start(block)
  state = [c for c in variables if c != 'params']
  y, _ = block.apply(
    variables, x, True, mutable=state, rngs={'dropout': jax.random.key(0)}
  )
  np.testing.assert_array_equal(y, x)
  assert jnp.abs(block.apply(variables, x) - x).max() > 0.1


def test_attention_knows_distances_and_not_directions():
  block = efficientformer.Meta3D(layer_scale=1.0)
  x, variables = _start(block)
  relative = variables['params']['encode']['attend']['mix']['relative']
  table = jax.random.normal(jax.random.key(2), (8, 5 * 4))
  assert relative['table'].shape == table.shape
  relative['table'] = table
  apply = jax.jit(block.apply)
  y = apply(variables, x)
  for axis in (1, 2):
    mirrored = apply(variables, jnp.flip(x, axis))
    np.testing.assert_allclose(mirrored, jnp.flip(y, axis), atol=1e-4)
  # The table matters: rows that change places see other distances.
  rolled = apply(variables, jnp.roll(x, 1, 1))
  assert jnp.abs(rolled - jnp.roll(y, 1, 1)).max() > 0.01


class _EfficientFormer(linen.Module):
  """EfficientFormer with the head of its distillation."""

  widths: tuple[int, ...]
  depths: tuple[int, ...]
  attending: int

  @linen.compact
  def __call__(self, x, train=False):
    for features in (self.widths[0] // 2, self.widths[0]):
      x = layers.ConvNorm(features, kernel=3, stride=2, act=jax.nn.relu)(x)
    for stage, depth in enumerate(self.depths):
      for i in range(depth):
        attends = stage == 3 and depth - i <= self.attending
        x = BOTH[attends](
          features=self.widths[stage], stride=2 if stage and i == 0 else 1
        )(x)
    x = layers.Norm('layer')(x).mean((1, 2))
    return layers.Dense(1000)(x), layers.Dense(1000)(x)

  def biases(self):
    """Of the published convolutions; norms behind them make them void."""
    pooling = np.array(self.depths) - [0, 0, 0, self.attending]
    first, *rest = self.widths
    return first * 3 // 2 + sum(rest) + 5 * int(pooling @ self.widths)


def test_the_published_network_has_the_published_size():
  net = _EfficientFormer((48, 96, 224, 448), (3, 2, 6, 4), attending=1)  # L1
  found = footprint.measure(net, (224, 224, 3))
  assert found['params'] + net.biases() == 12_289_928
  assert found['macs'] == 1_291_284_736
