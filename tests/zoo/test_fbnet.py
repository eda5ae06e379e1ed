"""The FBNets are the published ones, and points of their space."""

import pytest

from effnas import errors, footprint, zoo
from effnas.nn import layers, skip
from effnas.zoo import fbnet

# Parameters and MACs; the last one's of timm 1.0.31, counted by torch. The
# others' are ours: the authors publish 4.3, 4.8 and 5.5 M parameters and 244.5,
# 291.1 and 378.2 M operations, average pooling among these.
PUBLISHED = {
  'fbnet_a': (4_304_584, 244_452_664),
  'fbnet_b': (4_801_368, 291_004_424),
  'fbnet_c': (5_570_664, 378_136_224),
  'fbnetc_100': (5_572_200, 384_960_160),
}
OPERATIONS = {'fbnet_a': 244.5, 'fbnet_b': 291.1, 'fbnet_c': 378.2}


@pytest.mark.parametrize('name', PUBLISHED)
def test_sizes_are_the_published_ones(name):
  published = zoo.load(name)
  net = published.build()
  counted = footprint.measure(net, published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]
  if name in OPERATIONS:
    pooled = net.head * 7 * 7
    assert round((counted['macs'] + pooled) / 1e6, 1) == OPERATIONS[name]


def _arch(choices):
  left = iter(choices)
  return {
    f'model.stages.{stage}.blocks.{i}': next(left)
    for stage, depth in enumerate((1, 4, 4, 4, 4, 4, 1))
    for i in range(depth)
  }


@pytest.mark.parametrize('always_expand', [False, True])
def test_fbnet_c_is_a_point_of_the_space(always_expand):
  choices = fbnet._FBNET_C
  built = fbnet.space(always_expand=always_expand).build(_arch(choices))
  assert built['model'] == fbnet.fbnet(always_expand=always_expand)
  name = 'fbnetc_100' if always_expand else 'fbnet_c'
  assert built['model'] == zoo.load(name).build()


@pytest.mark.parametrize('name', ['a', 'b'])
def test_a_and_b_are_points_of_the_space(name):
  choices, head = fbnet._FOUND[name]
  space = fbnet.space(head=head, always_expand=False)
  built = space.build(_arch(choices.split()))['model']
  assert built == zoo.load(f'fbnet_{name}').build()


def test_the_space_is_the_published_one():
  assert fbnet.space().size == 9**22


def test_a_skip_costs_nothing_where_the_shape_stays():
  counted = footprint.measure(skip.Skip(16), (8, 8, 16))
  assert (counted['params'], counted['macs']) == (0, 0)
  changed = footprint.measure(skip.Skip(24, 2), (8, 8, 16))
  assert (changed['params'], changed['macs']) == (16 * 24 + 48, 16 * 16 * 24)


def test_every_normalisation_takes_epsilon():
  net = fbnet.fbnet(epsilon=1e-3)
  norm = layers.Norm(epsilon=1e-3)
  assert net.norm == norm
  assert all(b.norm == norm for s in net.stages for b in s.blocks)


def test_wrong_choices_are_refused():
  with pytest.raises(errors.UserError, match='22 layers; got 1'):
    fbnet.fbnet(('k3_e1',))
  with pytest.raises(errors.UserError, match="'k3_e2'"):
    fbnet.fbnet(('k3_e2',) * 22)
