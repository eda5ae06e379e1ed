"""AutoFormer's space: DeiT-Ti and the published choices are points of it."""

import numpy as np

from effnas import footprint
from effnas.zoo import autoformer, deit


def _arch(features, heads, mlps):
  arch = {'model.features': features, 'model.encoders.times': len(heads)}
  for i, (head, mlp) in enumerate(zip(heads, mlps, strict=True)):
    arch[f'model.encoders.{i}.attention.heads'] = head
    arch[f'model.encoders.{i}.mlp'] = mlp
  return arch


def test_deit_tiny_is_a_point_of_the_space():
  arch = _arch(192, [3] * 12, [4] * 12)
  assert autoformer.space().build(arch)['model'] == deit.deit()
  other = autoformer.space(patch=4, classes=10, epsilon=1e-5)
  assert other.build(arch)['model'] == deit.deit(
    patch=4, classes=10, epsilon=1e-5
  )


def test_each_layer_has_its_own_heads_and_perceptron():
  # AutoFormer-T as found (the subnet file of its published code).
  mlps = [3.5, 3.5, 3, 3.5, 3, 3, 4, 4, 3.5, 4, 3.5, 4, 3.5]
  heads = [3] * 10 + [4] + [3] * 2
  net = autoformer.space().build(_arch(192, heads, mlps))['model']
  found = footprint.measure(net, (224, 224, 3))
  tokens, c = 14**2 + 1, 192
  macs = 14**2 * 16**2 * 3 * c + c * 1000
  params = (16**2 * 3 + 1 + 1 + tokens + 2) * c + (c + 1) * 1000
  for head, mlp in zip(heads, mlps, strict=True):
    inner, hidden = 64 * head, int(mlp * c)
    macs += tokens * (4 * c * inner + 2 * c * hidden)
    macs += 2 * tokens**2 * inner
    params += 3 * (c + 1) * inner + (inner + 1) * c
    params += (c + 1) * hidden + (hidden + 1) * c + 4 * c
  assert (found['params'], found['macs']) == (params, macs)


def test_the_space_is_as_large_as_its_choices():
  # Three widths, 6 kinds of layer in 12 to 14 layers.
  assert autoformer.space().size == 3 * (6**12 + 6**13 + 6**14)


def test_for_small_images_patches_are_small():
  found = autoformer.space(patch=4, classes=10, depths=(1, 2))
  net = found.build(found.sample(np.random.default_rng(0)))['model']
  assert net.classes == 10
  assert footprint.measure(net, (32, 32, 3))['macs'] > 0
