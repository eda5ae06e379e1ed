"""Padding, slices and lookups along channels: followed, or named in `left`."""

from flax import linen
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, quant
from effnas.compress import structured
from effnas.compress.clustering import codebooks
from effnas.nn import rewrite


def _net(function):
  """A network of a dense layer on either side of a function."""

  class Net(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
      x = linen.Dense(6, name='free')(x)
      x = linen.Dense(8, name='stuck')(x)
      return linen.Dense(2, name='last')(function(x))

  return Net()


def _pad(*config):
  return lambda x: lax.pad(x, 0.0, ((0, 0, 0), (0, 0, 0), config))


def _halves(channels):
  """As many positions in all, of which more stand before fewer channels."""
  return 10 - channels, channels - 6


@pytest.mark.parametrize(
  ('function', 'reason'),
  [
    (_pad(0, 0, 1), 'padding of it'),
    (_pad(0, -2, 0), 'padding of it'),
    (lambda x: x[..., ::2], 'a part of it is taken'),
    (lambda x: x[..., ::2] + x[..., 1::2], 'a part of it is taken'),
    (lambda x: lax.dynamic_slice_in_dim(x, 1, 4, 2), 'a part of it is taken'),
    (lambda x: x[..., jnp.array([0, 2])], 'rows of it are looked up'),
    (lambda x: jnp.pad(x, ((0, 0), (0, 0), (2, 2)), 'edge'), 'reshape'),
    (lambda x: x.at[..., 2].set(0), 'scatter, which is not followed,'),
    (
      lambda x: lax.dynamic_update_slice(x, x[:, :, :2], (0, 0, 1)),
      'is taken',
    ),
    (
      lambda x: linen.max_pool(x.mT, (2,), (2,)).mT,
      'reduce_window_max over it',
    ),
    # A number of its own, of which the smaller network has another padding.
    (
      lambda x: jnp.pad(x, ((0, 0), (0, 0), (0, 12 - x.shape[-1]))),
      'where (10, 2) is left',
    ),
    (
      lambda x: jnp.pad(x, ((0, 0), (0, 0), _halves(x.shape[-1]))),
      'would compute something else, pad',
    ),
  ],
)
def test_what_moves_channels_is_named(function, reason):
  net = _net(function)
  assert [group.name for group in structured.groups(net, (3, 5))] == ['free']
  left = structured.left(net, (3, 5))
  assert list(left) == ['stuck']
  assert reason in left['stuck']
  with pytest.raises(errors.UserError, match='stuck cannot be pruned'):
    structured.choose(net, (3, 5), ['stuck'])


class OptionA(linen.Module):
  """A residual block whose shortcut pads channels with zeros."""

  code: str

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.relu(linen.Conv(4, (3, 3), name='stem')(x))
    y = linen.relu(linen.Conv(5, (3, 3), 2, name='inner')(x))
    y = linen.Conv(8, (3, 3), name='outer')(y)
    beside = {
      'constant': (2, 2),
      'behind': (0, y.shape[-1] - x.shape[-1]),
    }[self.code]
    x = jnp.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), beside))
    return linen.Dense(3, name='last')(linen.relu(x + y).mean((1, 2)))


@pytest.mark.parametrize(('code', 'first'), [('constant', 2), ('behind', 0)])
def test_padded_shortcuts_are_cut_with_what_they_are_added_to(
  code, first, draw
):
  net, shape = OptionA(code), (6, 6, 3)
  groups = structured.groups(net, shape)
  assert [(g.name, g.size) for g in groups] == [('stem', 4), ('inner', 5)]
  # What is added to padding stays.
  units = {m.path: m.units for m in groups[0].members}
  expected = [-1] * 8
  expected[first : first + 4] = range(4)
  assert list(units['params/outer/kernel']) == expected
  assert list(units['params/last/kernel']) == expected
  variables, x = draw(net, shape)
  kept = {
    'stem': np.array([True, False, False, True]),
    'inner': np.arange(5) % 2 == 0,
  }
  small, few = structured.remove(net, variables, groups, kept, shape)
  assert few['params']['outer']['kernel'].shape == (3, 3, 3, 6)
  want = net.apply(structured.mask(variables, groups, kept), x)
  np.testing.assert_allclose(small.apply(few, x), want, atol=1e-5)


def test_a_name_with_a_slash_is_told():
  net = linen.Sequential([linen.WeightNorm(linen.Dense(6)), linen.Dense(2)])
  with pytest.raises(errors.UserError, match=r"no slash.*'layer_instance/"):
    structured.groups(net, (5,))
  variables = net.init(jax.random.key(0), jnp.ones((1, 5)))
  with pytest.raises(errors.UserError, match='no slash'):
    codebooks.cluster(
      variables['params'], [codebooks.Codebook('*kernel', clusters=2)]
    )
  with pytest.raises(errors.UserError, match='no slash'):
    quant.convert(rewrite.Rewritten(net, quant.rules()), variables, (5,))
