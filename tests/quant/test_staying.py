"""Layers that a rule names and does not quantize are named."""

import warnings

from flax import linen
import jax
import jax.numpy as jnp
import pytest

from effnas import footprint, quant
from effnas.cli import networks
from effnas.nn import rewrite

SHAPE = (4, 4, 3)


class Net(linen.Module):
  """Products of every kind that Flax has layers for."""

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Conv(4, (3, 3), name='conv')(x)
    x = linen.ConvTranspose(4, (3, 3), name='up')(x)
    x = linen.ConvLocal(4, (2, 2), name='local')(x)
    x = linen.Einsum((4, 6), 'bhwc,cd->bhwd', use_bias=False, name='sum')(x)
    x = linen.DenseGeneral(3, batch_dims=(0,), name='batched')(x)
    table = linen.Embed(5, 3, name='table')
    return table.attend(linen.Dense(3, name='dense')(x)) @ jnp.ones((5, 2))


LEFT = {
  'up': 'ConvTranspose',
  'local': 'ConvLocal',
  'sum': 'Einsum',
  'batched': 'DenseGeneral',
  'table': 'Embed.attend',
}


def _net(*args, **settings):
  return rewrite.Rewritten(Net(), quant.rules(*args, **settings))


def test_layers_that_stay_in_float_are_named():
  assert quant.left(_net(8), SHAPE) == LEFT
  # Not those that are asked to stay, nor those under no rule at all.
  asked = {'up': 32, 'l*': 32}
  left = quant.left(_net(8, patterns=asked), SHAPE)
  assert list(left) == ['sum', 'batched', 'table']
  assert quant.left(_net(32), SHAPE) == {}
  assert quant.left(rewrite.Rewritten(Net()), SHAPE) == {}
  only = rewrite.Rewritten(Net(), (quant.Quantize('conv'),))
  assert quant.left(only, SHAPE) == {}


def test_convert_warns_of_them():
  net = _net(8, patterns={'local': 32, 'sum': 32, 'batched': 32, 'table': 32})
  variables = net.init(jax.random.key(0), jnp.ones((1, *SHAPE)))
  with pytest.warns(UserWarning, match=r"leaves 'up' \(ConvTranspose\) in flo"):
    _, integer = quant.convert(net, variables, SHAPE)
  assert integer['params']['up']['kernel'].dtype == jnp.float32
  assert integer['params']['conv']['kernel'].dtype == jnp.int8
  model = linen.Sequential([linen.Dense(2)])
  plain = rewrite.Rewritten(model, quant.rules(8))
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    quant.convert(plain, plain.init(jax.random.key(0), jnp.ones((1, 3))), (3,))


def test_the_command_line_tells_their_share():
  lines = networks.Subject('a net', _net(8), SHAPE).unreached()
  layers = {row.path: row.macs for row in footprint.layers(Net(), SHAPE)}
  total = sum(layers.values())
  reached = layers['conv'] + layers['dense']
  rest = total - reached
  assert f'{rest:,} MACs ({rest / total:.1%} of all), in up, local' in lines[0]
  assert len(lines) == 1 + len(LEFT)
  for line, (path, kind) in zip(lines[1:], LEFT.items(), strict=True):
    share = f'{layers[path]:,} MACs ({layers[path] / total:.1%} of all)'
    assert line == f'{path} ({kind}) stays in float: {share}'
    assert layers[path] > 0
