"""MobileNetV3 has the published sizes."""

import jax
import pytest

from effnas import errors, footprint, zoo
from effnas.nn import layers
from effnas.zoo import mobilenet_v3


def test_every_normalisation_takes_epsilon():
  net = mobilenet_v3.mobilenet_v3(epsilon=1e-3)
  found = {block.norm for stage in net.stages for block in stage.blocks}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def _arch(size):
  """The point of the rows of the paper."""
  arch = {}
  for i, row in enumerate(mobilenet_v3._published(size)[0]):
    kernel, _, _, se, _, expansions = row
    if i:
      arch[f'model.stages.{i}.blocks.times'] = len(expansions)
    for j, expansion in enumerate(expansions):
      path = f'model.stages.{i}.blocks.{j}'
      arch |= {f'{path}.kernel': kernel, f'{path}.se': se}
      if i:
        arch[f'{path}.expand'] = expansion
  return arch


@pytest.mark.parametrize('suffix', ['', '_075'])
@pytest.mark.parametrize('size', ['large', 'small'])
def test_each_published_network_is_a_point_of_the_space(size, suffix):
  arch = _arch(size) | {'width': 0.75 if suffix else 1.0}
  built = mobilenet_v3.space(size).build(arch)['model']
  assert built == zoo.load(f'mobilenet_v3_{size}{suffix}').build()


def test_a_point_has_the_published_size():
  built = mobilenet_v3.space('small').build(_arch('small') | {'width': 0.75})
  (row,) = (r for r in zoo.table() if r['name'] == 'mobilenet_v3_small_075')
  found = footprint.measure(built['model'], (224, 224, 3))
  assert (found['params'], found['macs']) == (row['params'], row['macs'])


@pytest.mark.parametrize('width', [0.35, 0.5, 0.75, 1.0])
@pytest.mark.parametrize('size', ['large', 'small'])
def test_other_widths_are_those_of_the_network(size, width):
  published = mobilenet_v3.mobilenet_v3(size, width, epsilon=1e-3)
  one = mobilenet_v3.space(size, width, epsilon=1e-3)
  assert one.build(_arch(size))['model'] == published
  several = mobilenet_v3.space(size, (0.35, 0.5, 0.75, 1.0), epsilon=1e-3)
  built = several.build(_arch(size) | {'width': width})['model']
  assert built == published
  assert several.size == 4 * one.size


def test_hidden_channels_are_those_of_the_paper():
  # Table 1: the size of each expansion.
  net = mobilenet_v3.mobilenet_v3()
  hidden, entering = [], net.stem
  for stage in net.stages:
    for block in stage.blocks:
      hidden.append(round(block.expand * entering))
      entering = stage.features
  assert hidden == [
    *(16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960)
  ]


def test_minimalistic_blocks_are_plain():
  net = mobilenet_v3.mobilenet_v3(minimalistic=True)
  blocks = [block for stage in net.stages for block in stage.blocks]
  assert {block.kernel for block in blocks} == {3}
  assert {block.se for block in blocks} == {False}
  assert {block.act for block in blocks} | {net.act} == {jax.nn.relu}


def test_other_sizes_are_refused():
  for build in (mobilenet_v3.mobilenet_v3, mobilenet_v3.space):
    with pytest.raises(errors.UserError, match="size of MobileNetV3 'medium'"):
      build('medium')
