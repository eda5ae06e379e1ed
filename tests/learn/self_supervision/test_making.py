"""What holds for every objective without labels, in a training."""

import functools
import types

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import self_supervision
from effnas.nn.attention import softmax
from effnas.train import epoch, loop
from effnas.zoo import decoder


class Small(linen.Module):
  """A convolution, the mean over its map, a classifier."""

  classes: int = 3

  @linen.compact
  def __call__(self, x, train=False):
    x = jax.nn.relu(linen.Conv(8, (3, 3), name='body')(x))
    return linen.Dense(self.classes, name='classifier')(x.mean((1, 2)))


def _both():
  """A decoder without the causal mask: an encoder with logits."""
  net = decoder.miniature().build(depth=1, dropout=0.0)
  [block] = net.blocks
  mixer = softmax.Softmax()
  return net.copy(
    blocks=(block.copy(attention=block.attention.copy(mixer=mixer)),)
  )


# Brighter downwards, which tells the turns, and each of its own brightness.
_IMAGES = np.tile(np.linspace(-2, 2, 6)[:, None, None], (16, 1, 6, 1))
_IMAGES = (_IMAGES + np.arange(-8, 8).reshape(-1, 1, 1, 1)).astype(np.float32)
_TEXT = np.tile(np.arange(1, 9, dtype=np.int32), (16, 2))
CASES = {
  'rotation': (Small(), _IMAGES, {'at': 'body'}),
  'simclr': (Small(), _IMAGES, {'at': 'body', 'views': ['cutout'], 'width': 4}),
  'masked_tokens': (_both(), _TEXT, {'vocabulary': 10, 'share': 0.3}),
  'next_token': (decoder.miniature().build(depth=1), _TEXT, {}),
}


def test_each_file_is_an_objective():
  assert set(self_supervision.names()) == set(CASES)
  with pytest.raises(errors.UserError, match="did you mean 'rotation'"):
    self_supervision.make('rotations', {})


def _data(x):
  return types.SimpleNamespace(
    train=types.SimpleNamespace(x=x, y=np.full(len(x), -1, np.int32)),
    valid=None,
    kind='image',
    prepare=jnp.asarray,
  )


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=pytest.mark.slow)
    if name in ('masked_tokens', 'rotation')  # as 'next_token' and 'simclr'
    else name
    for name in sorted(CASES)
  ],
)
def test_a_training_without_labels_learns_and_drops_its_heads(name):
  net, x, args = CASES[name]
  fit = functools.partial(
    loop.fit,
    net,
    _data(x),
    batch_size=8,
    objective=self_supervision.make(name, args),
  )
  fitted = fit(epochs=25, optim={'lr': 0.02})
  losses = [record['train_loss'] for record in fitted.history]
  assert np.mean(losses[-3:]) < 0.85 * losses[0]
  shapes = jax.eval_shape(net.init, jax.random.key(0), x)
  assert jax.tree.structure(fitted.variables) == jax.tree.structure(
    dict(shapes)
  )
  assert 0 <= fitted.history[-1]['train_accuracy'] <= 1
  if name in ('rotation', 'simclr'):
    # What lies behind `at` keeps its drawn values.
    still = fit(epochs=1, optim={'lr': 1e-9}).variables['params']
    trained = fitted.variables['params']
    jax.tree.map(
      np.testing.assert_array_equal,
      trained['classifier'],
      still['classifier'],
    )
    assert jnp.abs(trained['body']['kernel'] - still['body']['kernel']).max()


@pytest.mark.parametrize('name', sorted(CASES))
def test_equal_settings_hash_alike(name):
  args = CASES[name][2]
  one, other = (self_supervision.make(name, args) for _ in range(2))
  assert one == other
  assert hash(one) == hash(other)
  assert repr(one) == repr(other)
  moved = self_supervision.make(
    name,
    {**args, 'at': 'x', 'vocabulary': 9}
    if 'tok' in name
    else {**args, 'at': 'x'},
  )
  assert moved != one


def test_temperatures_share_a_program():
  net, x, args = CASES['simclr']
  epoch.compiled.cache_clear()
  losses = []
  for temperature in (0.1, 1.0):
    made = self_supervision.make('simclr', {**args, 'temperature': temperature})
    fitted = loop.fit(net, _data(x), epochs=1, batch_size=8, objective=made)
    losses.append(fitted.history[-1]['train_loss'])
  assert epoch.compiled.cache_info().misses == 1
  assert losses[0] != losses[1]
  one, other = (
    repr(self_supervision.make('simclr', {**args, 'temperature': t}))
    for t in (0.1, 1.0)
  )
  assert one != other  # A checkpoint tells them apart.


def test_an_unknown_module_is_said_with_the_near_ones():
  net, x, args = CASES['rotation']
  made = self_supervision.make('rotation', {**args, 'at': 'bodi'})
  with pytest.raises(errors.UserError, match="'bodi'; did you mean 'body'"):
    loop.fit(net, _data(x), epochs=1, batch_size=8, objective=made)


@pytest.mark.parametrize('settings', [None, 3, {}, ['simclr'], {'at': 'body'}])
def test_what_names_no_objective_is_said(settings):
  with pytest.raises(errors.UserError, match="a mapping with 'name'"):
    self_supervision.configured(settings)
  with pytest.raises(errors.UserError, match='unknown objective'):
    self_supervision.configured({'name': settings})
