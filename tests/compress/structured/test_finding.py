"""Which units are coupled, which are not, and what is refused by name."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.compress import structured
from effnas.nn import layers, multi_head
from effnas.nn.blocks import mbconv, mixconv, residual, shuffle


def _members(group):
  return {
    (member.path.removeprefix('params/'), member.axis)
    for member in group.members
    if member.path.startswith('params/')
  }


def _net(function):
  """A network that is a function of (x, train)."""

  class Net(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
      return function(x)

  return Net()


def test_norm_depthwise_and_squeeze_excite_go_with_the_expansion():
  net = mbconv.MBConv(8, expand=2, se=True)
  hidden = structured.groups(net, (8, 8, 6))[0]
  assert (hidden.name, hidden.size, hidden.kind) == (
    'expand/conv', 12, 'channels',
  )  # fmt: skip
  assert _members(hidden) == {
    ('expand/conv/kernel', 3),
    ('expand/normalise/batch/scale', 0),
    ('expand/normalise/batch/bias', 0),
    ('depthwise/conv/kernel', 3),
    ('depthwise/normalise/batch/scale', 0),
    ('depthwise/normalise/batch/bias', 0),
    ('se/reduce/kernel', 0),
    ('se/expand/kernel', 1),
    ('se/expand/bias', 0),
    ('project/conv/kernel', 2),
  }


def test_all_members_of_a_residual_sum_are_one_group():
  net = linen.Sequential([
    layers.ConvNorm(6), residual.Basic(), residual.Basic(), linen.Dense(2),
  ])  # fmt: skip
  groups = structured.groups(net, (8, 8, 3))
  assert [group.name for group in groups] == [
    'layers_0/conv', 'layers_1/conv_1/conv', 'layers_2/conv_1/conv',
  ]  # fmt: skip
  kernels = {m for m in _members(groups[0]) if m[0].endswith('kernel')}
  assert kernels == {
    ('layers_0/conv/kernel', 3),
    ('layers_1/conv_1/conv/kernel', 2),
    ('layers_1/conv_2/conv/kernel', 3),
    ('layers_2/conv_1/conv/kernel', 2),
    ('layers_2/conv_2/conv/kernel', 3),
    ('layers_3/kernel', 0),
  }


def test_parts_of_a_concatenation_are_groups_of_their_own(draw):
  @_net
  def net(x):
    parts = [linen.Dense(n, name=f'part_{n}')(x) for n in (2, 3)]
    return linen.Dense(2, name='last')(jnp.concatenate(parts, -1))

  groups = structured.groups(net, (4,))
  units = [
    {m.path: m.units for m in group.members}['params/last/kernel']
    for group in groups
  ]
  assert units == [(0, 1, -1, -1, -1), (-1, -1, 0, 1, 2)]
  variables, _ = draw(net, (4,))
  kept = {'part_2': [False, True], 'part_3': [True, False, True]}
  _, few = structured.remove(net, variables, groups, kept, (4,))
  rows = variables['params']['last']['kernel'][np.array([1, 2, 4])]
  np.testing.assert_array_equal(few['params']['last']['kernel'], rows)


def test_a_flattened_map_holds_each_unit_at_every_position():
  @_net
  def net(x):
    x = linen.Conv(3, (1, 1), name='conv')(x)
    return linen.Dense(2, name='last')(x.reshape(x.shape[0], -1))

  (group,) = structured.groups(net, (2, 1, 4))
  last = {m.path: m.units for m in group.members}['params/last/kernel']
  assert last == (0, 1, 2, 0, 1, 2)


def test_groups_of_a_convolution_lose_the_same_places():
  @_net
  def net(x):
    x = linen.Conv(4, (1, 1), name='first')(x)
    x = linen.Conv(6, (3, 3), feature_group_count=2, name='grouped')(x)
    return linen.Dense(2, name='last')(x)

  first, grouped = structured.groups(net, (4, 4, 3))
  assert {m.path: m.units for m in first.members}['params/first/bias'] == (
    0, 1, 0, 1,
  )  # fmt: skip
  assert {m.path: m.units for m in grouped.members}['params/last/kernel'] == (
    0, 1, 2, 0, 1, 2,
  )  # fmt: skip


def test_mixed_kernels_keep_what_equal_parts_leave_over():
  mixed = mixconv.MixedConvNorm(depthwise=True)
  net = linen.Sequential([linen.Conv(8, (1, 1)), mixed, linen.Dense(2)])
  (group,) = structured.groups(net, (8, 8, 3))
  units = {m.path: m.units for m in group.members}['params/layers_0/bias']
  assert units == (0, 1, -1, -1, 0, 1, 0, 1)


def test_a_shuffle_ties_equal_places_of_its_halves():
  net = linen.Sequential([shuffle.ShuffleUnit(8, 2), linen.Dense(3)])
  groups = {g.name: g for g in structured.groups(net, (8, 8, 4))}
  outputs = groups['layers_0/pass_pointwise/conv']
  units = {m.path: m.units for m in outputs.members}
  assert units['params/layers_1/kernel'] == (0, 0, 1, 1, 2, 2, 3, 3)


@pytest.mark.parametrize(('heads', 'kv_heads', 'size'), [(4, 0, 4), (4, 2, 2)])
def test_heads_are_cut_whole(heads, kv_heads, size):
  attention = multi_head.MultiHeadAttention(heads=heads, kv_heads=kv_heads)
  net = linen.Sequential([linen.LayerNorm(), attention, linen.Dense(2)])
  group = structured.groups(net, (5, 8))[0]
  assert (group.name, group.kind, group.size) == ('layers_1/qkv', 'heads', size)
  assert _members(group) == {
    ('layers_1/qkv/kernel', 1), ('layers_1/out/kernel', 0),
  }  # fmt: skip


@pytest.mark.parametrize(
  ('function', 'reason'),
  [
    (jax.nn.softmax, 'reduce_max over it'),
    (lambda x: jnp.sort(x, -1), 'sort along it'),
    (lambda x: jnp.linalg.cholesky(x @ x.mT)[..., :1] + x, 'two activations'),
    (lambda x: x[:, :, :2], 'a part of it is taken'),
    (lambda x: jax.lax.top_k(x, 4)[0], 'top_k, which is not followed,'),
  ],
)
def test_what_cannot_be_followed_is_named(function, reason):
  @_net
  def net(x):
    x = linen.Dense(6, name='free')(x)
    x = linen.Dense(4, name='stuck')(x)
    return linen.Dense(2, name='last')(function(x))

  assert [group.name for group in structured.groups(net, (3, 5))] == ['free']
  left = structured.left(net, (3, 5))
  assert list(left) == ['stuck']
  assert reason in left['stuck']
  with pytest.raises(errors.UserError, match=r'stuck cannot be pruned: .* at '):
    structured.choose(net, (3, 5), ['stuck'])
  assert [g.name for g in structured.choose(net, (3, 5), ['*'])] == ['free']


def test_asking_for_a_group_that_is_not_there_names_the_near_ones():
  net = linen.Sequential([linen.Dense(4), linen.Dense(2)])
  with pytest.raises(errors.UserError, match="did you mean 'layers_0'"):
    structured.choose(net, (3,), ['layer_0'])


def _standardised(x):
  return linen.BatchNorm(use_running_average=True, use_scale=False)(x)


@pytest.mark.parametrize('function', [jnp.exp, _standardised])
def test_layer_normalisation_asks_for_zeros(function):
  @_net
  def net(x):
    x = linen.Dense(6, name='stuck')(x)
    return linen.Dense(2)(linen.LayerNorm()(function(x)))

  assert structured.groups(net, (3,)) == ()
  assert 'layer normalisation' in structured.left(net, (3,))['stuck']


@pytest.mark.parametrize(
  'function',
  [
    lambda x: x * x.shape[-1] ** 0.5,
    lambda x: jax.nn.relu(x) if x.shape[-1] == 6 else jax.nn.tanh(x),
  ],
)
def test_code_that_goes_by_its_channels_is_left_alone(function):
  @_net
  def net(x):
    x = linen.Dense(6, name='free')(x)
    x = linen.Dense(6, name='stuck')(x)
    return linen.Dense(2)(function(x))

  assert [group.name for group in structured.groups(net, (3,))] == ['free']
  assert 'would compute something else' in structured.left(net, (3,))['stuck']


@pytest.mark.parametrize('parts', [(slice(4), slice(4, None)), (slice(-4),)])
def test_slices_by_numbers_are_left_alone(parts):
  @_net
  def net(x):
    x = linen.Dense(10, name='stuck')(x)
    x = jnp.concatenate([jax.nn.relu(x[..., part]) for part in parts], -1)
    return linen.Dense(2)(x)

  assert structured.groups(net, (3,)) == ()
  assert list(structured.left(net, (3,))) == ['stuck']


def test_units_that_cannot_be_cut_leave_the_others_of_their_layer():
  @_net
  def net(x):
    x = linen.Dense(6, name='hidden')(x)
    x = jnp.concatenate([jax.nn.softmax(x[..., :2]), x[..., 2:]], -1)
    return linen.Dense(2)(x)

  (group,) = structured.groups(net, (3,))
  assert {m.path: m.units for m in group.members}['params/hidden/bias'] == (
    -1, -1, 0, 1, 2, 3,
  )  # fmt: skip


def test_loops_are_followed(draw):
  @_net
  def net(x):
    x = linen.Dense(6, name='hidden')(x)
    _, x = jax.lax.scan(
      lambda total, row: (total + row, total * row),
      jnp.zeros(x.shape[-1]),
      x,
    )
    return linen.Dense(2)(x)

  variables, x = draw(net, (4,))
  groups = structured.groups(net, (4,))
  kept = {'hidden': np.arange(6) % 2 == 0}
  small, few = structured.remove(net, variables, groups, kept, (4,))
  want = net.apply(structured.mask(variables, groups, kept), x)
  np.testing.assert_allclose(small.apply(few, x), want, atol=1e-6)


def test_the_input_and_the_output_are_no_groups():
  net = linen.Sequential([linen.Dense(4)])
  assert structured.groups(net, (3,)) == ()
  assert structured.left(net, (3,)) == {}
