"""Sub-networks of Once-for-All have the sizes of its published code."""

import pytest

from effnas import errors, footprint, zoo
from effnas.nn import layers
from effnas.zoo import once_for_all

# What `sample_active_subnet` draws with seed 0: kernels and expansions of four
# blocks in each stage, and of how many of them it consists.
KERNELS = '5535 7555 5573 7353 3757'
EXPANSIONS = '6634 3636 4463 4446 6364'
DEPTHS = '34324'
STAGES = tuple(
  tuple((int(k), int(e)) for k, e in zip(ks, es, strict=True))[: int(depth)]
  for ks, es, depth in zip(
    KERNELS.split(), EXPANSIONS.split(), DEPTHS, strict=True
  )
)
DRAWN = {1.0: (5_316_280, 293_339_712), 1.2: (7_330_976, 451_705_840)}


def _counted(net):
  counted = footprint.measure(net, (224, 224, 3))
  return counted['params'], counted['macs']


def _arch(stages):
  arch = {}
  for i, stage in enumerate(stages, 1):
    arch[f'model.stages.{i}.blocks.times'] = len(stage)
    for j, (kernel, expand) in enumerate(stage):
      arch[f'model.stages.{i}.blocks.{j}.kernel'] = kernel
      arch[f'model.stages.{i}.blocks.{j}.expand'] = expand
  return arch


@pytest.mark.parametrize('width', DRAWN)
def test_a_drawn_network_is_a_point_with_the_published_size(width):
  arch = {'width': width} | _arch(STAGES)
  built = once_for_all.space().build(arch)['model']
  assert built == once_for_all.once_for_all(STAGES, width)
  assert built == once_for_all.space(width).build(_arch(STAGES))['model']
  assert _counted(built) == DRAWN[width]


def test_the_published_networks_are_points_of_the_space():
  space = once_for_all.space()
  for name, block, depth in (('largest', (7, 6), 4), ('smallest', (3, 3), 2)):
    for width in (1.0, 1.2):
      arch = {'width': width} | _arch([[block] * depth] * 5)
      published = zoo.load(f'once_for_all_{round(100 * width)}_{name}').build()
      assert space.build(arch)['model'] == published


def test_the_space_is_the_published_one():
  assert once_for_all.space(1.2).size == (9**2 + 9**3 + 9**4) ** 5
  assert once_for_all.space().size == 2 * (9**2 + 9**3 + 9**4) ** 5


def test_every_normalisation_takes_epsilon():
  net = once_for_all.once_for_all(epsilon=1e-3)
  norm = layers.Norm(epsilon=1e-3)
  first, *elastic, mix = net.stages
  assert net.norm == mix.norm == first.blocks[0].norm == norm
  assert all(b.norm == norm for stage in elastic for b in stage.blocks)


def test_five_stages_are_needed():
  with pytest.raises(errors.UserError, match='five stages'):
    once_for_all.once_for_all((((3, 3),),))
