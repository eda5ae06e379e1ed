"""Every space of the zoo, found by itself, keeps the contract of spaces."""

import json

import jax
import numpy as np
import pytest

from effnas import errors, quant, space, zoo
from effnas.nn import rewrite
from effnas.zoo import hybrid, survey_cnn


@pytest.fixture(params=zoo.spaces())
def name(request):
  return request.param


@pytest.fixture
def found(name):
  return space.load(zoo.spaces()[name])


@pytest.fixture
def takes(name):
  return zoo.takes(name)


def test_samples_check_build_and_compute(found, takes):
  rng = np.random.default_rng(0)
  for _ in range(2):
    arch = json.loads(json.dumps(found.sample(rng)))
    found.check(arch)
    model = found.build(arch)['model']
    assert hash(model) == hash(found.build(arch)['model'])
    x = jax.ShapeDtypeStruct((2, *takes.shape), takes.dtype)
    logits, _ = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    tokens = takes.shape if takes.dtype == 'int32' else ()
    assert logits.shape == (2, *tokens, model.classes)


def test_mutants_and_children_are_members(found):
  if found.size == 1:
    pytest.skip('nothing to mutate in a space of one point')
  rng = np.random.default_rng(1)
  a, b = found.sample(rng), found.sample(rng)
  for arch in (found.mutate(a, rng), found.crossover(a, b, rng)):
    found.check(arch)
    assert found.encode(arch).shape == found.encode(a).shape


def test_every_layer_with_a_kernel_can_be_quantized(found, takes):
  arch = found.sample(np.random.default_rng(2))
  model = found.build(arch)['model']
  net = rewrite.Rewritten(model, quant.rules(8))
  shapes = rewrite.abstract_variables(model, takes.shape, takes.dtype)
  kernels = {
    '/'.join(k.key for k in path[1:-1])
    for path, _ in jax.tree.leaves_with_path(shapes)
    if path[-1].key == 'kernel'
  }
  assert kernels == set(quant.quantized(net, takes.shape, takes.dtype))


def test_archs_go_to_rows_of_a_table_and_back(name, found):
  arch, row = (zoo.of_space(name, part) for part in ('arch', 'row'))
  if arch is None:
    pytest.skip('no public table uses this space')
  rng = np.random.default_rng(3)
  for _ in range(20):
    drawn = found.sample(rng)
    assert arch(row(drawn)) == drawn


def test_the_survey_networks_are_points_of_their_space():
  arch = {'model.width': 0.25, 'model.dropout': 0.15}
  built = survey_cnn.space().build(arch)['model']
  assert built == survey_cnn.SurveyCNN(0.25)


@pytest.mark.parametrize(
  ('shape', 'last'), [((8, 8, 1), 4), ((28, 28, 1), 7), ((224, 224, 3), 7)]
)
def test_hybrids_take_small_and_large_images(shape, last):
  found = hybrid.space(shape, classes=7)
  arch = found.sample(np.random.default_rng(3))
  model = found.build(arch)['model']
  x = jax.ShapeDtypeStruct((1, *shape), np.float32)
  logits, _ = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
  assert logits.shape == (1, 7)
  stem, strides = hybrid.strides(shape[0], len(model.stages))
  assert shape[0] // (stem * int(np.prod(strides))) == last


def test_a_stage_convolves_or_attends():
  options = hybrid.space((32, 32, 3)).decisions['model.stages.1.block']
  assert set(options.labels) == {'MBConv', 'TransformerBlock'}


def test_tiny_images_are_refused_in_one_line():
  with pytest.raises(errors.UserError, match='at least 8x8'):
    hybrid.space((4, 4, 1))


def test_unknown_names_have_near_matches():
  with pytest.raises(errors.UserError, match="did you mean 'mobilenet_v3"):
    zoo.load('mobilenet_v3_lage')
