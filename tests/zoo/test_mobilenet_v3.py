"""MobileNetV3 has the published sizes."""

import jax
import pytest

from effnas import errors
from effnas.nn import layers
from effnas.zoo import mobilenet_v3


def test_every_normalisation_takes_epsilon():
  net = mobilenet_v3.mobilenet_v3(epsilon=1e-3)
  found = {block.norm for stage in net.stages for block in stage.blocks}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def _arch(net):
  """Reads a network's point off its blocks."""
  arch = {}
  for i, stage in enumerate(net.stages):
    if i:
      arch[f'model.stages.{i}.blocks.times'] = len(stage.blocks)
    for j, block in enumerate(stage.blocks):
      path = f'model.stages.{i}.blocks.{j}'
      arch |= {f'{path}.kernel': block.kernel, f'{path}.se': block.se}
      if i:
        arch[f'{path}.expand'] = block.expand
  return arch


@pytest.mark.parametrize('width', [1.0, 0.75])
@pytest.mark.parametrize('size', ['large', 'small'])
def test_the_published_network_is_a_point_of_the_space(size, width):
  published = mobilenet_v3.mobilenet_v3(size, width, epsilon=1e-3)
  space = mobilenet_v3.space(size, width, epsilon=1e-3)
  assert space.build(_arch(published))['model'] == published


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
