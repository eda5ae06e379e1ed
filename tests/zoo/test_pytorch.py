"""Weights come in from PyTorch by name, or are refused by name."""

import jax
import numpy as np
import pytest
import timm_weights

from effnas import errors, zoo
from effnas.nn import rewrite
from effnas.zoo import pytorch, torchvision

SLOW = pytest.mark.slow
# Compared in each run, a network of each of the families.
FEW = (
  'mobilenet_v2_035',
  'mobilenet_v3_small',
  'efficientnet_b0',
  'convnext_atto',
  'resnet_18',
  'deit_tiny',
  'mobilevit_xxs',
)


@pytest.mark.parametrize(
  'name',
  [pytest.param(n, marks=[] if n in FEW else SLOW) for n in timm_weights.PAIRS],
)
def test_logits_are_those_of_pytorch(name, capsys):
  theirs, side = timm_weights.PAIRS[name]
  found, told_apart = timm_weights.difference(name, theirs, side)
  with capsys.disabled():
    print(f'{name}: largest difference of logits {found:.1e}')
  assert found < 1e-4 < told_apart


@pytest.mark.parametrize(
  ('width', 'theirs'),
  [
    (0.5, 'mnasnet0_5'),
    pytest.param(0.75, 'mnasnet0_75', marks=SLOW),
    pytest.param(1.0, 'mnasnet1_0', marks=SLOW),
    pytest.param(1.3, 'mnasnet1_3', marks=SLOW),
  ],
)
def test_logits_of_mnasnet_b1_are_those_of_torchvision(width, theirs):
  models = pytest.importorskip(
    'torchvision.models', reason='torchvision is not installed'
  )
  found, told_apart = timm_weights.difference(
    'mnasnet_b1', lambda _: getattr(models, theirs)(), 64, width=width
  )
  assert found < 1e-4 < told_apart


@pytest.mark.parametrize(
  ('name', 'arguments'),
  [
    ('mobilenet_v2', {}),
    ('mobilenet_v3_small', {'epsilon': 1e-3}),
    pytest.param('mobilenet_v3_large', {'epsilon': 1e-3}, marks=SLOW),
    pytest.param('efficientnet_b0', {}, marks=SLOW),
    pytest.param('efficientnet_b1', {}, marks=SLOW),
    pytest.param('efficientnet_v2_s', {'epsilon': 1e-3}, marks=SLOW),
    pytest.param('convnext_tiny', {}, marks=SLOW),
    pytest.param('convnext_small', {}, marks=SLOW),
  ],
)
def test_logits_are_those_of_torchvision(name, arguments):
  models = pytest.importorskip(
    'torchvision.models', reason='torchvision is not installed'
  )
  found, told_apart = timm_weights.difference(
    name, lambda _: getattr(models, name)(), 64, **arguments
  )
  assert found < 1e-4 < told_apart


@pytest.fixture(scope='module')
def drawn():
  """Weights by timm's names and in its layout for the narrowest MobileNetV2."""
  network = zoo.load('mobilenet_v2_035')
  shapes = rewrite.abstract_variables(network.build(), network.input_shape)
  rng = np.random.default_rng(0)
  found = {'bn1.num_batches_tracked': np.int64(3)}
  for path, name in pytorch.names(network).items():
    leaf = shapes
    for key in path.split('/'):
      leaf = leaf[key]
    axes = {4: (3, 2, 0, 1), 2: (1, 0)}.get(len(leaf.shape))
    array = rng.normal(size=leaf.shape).astype(np.float32)
    array = np.abs(array) if name.endswith('running_var') else array
    found[name] = array if axes is None else array.transpose(axes)
  return found


@pytest.fixture
def state(drawn):
  return dict(drawn)


def test_every_array_comes_in_once_in_our_layout(state):
  variables = zoo.load_torch(zoo.load('mobilenet_v2_035'), state)
  assert len(jax.tree.leaves(variables)) == len(state) - 1
  params = variables['params']
  np.testing.assert_array_equal(
    params['stages_1']['block_0']['expand']['conv']['kernel'],
    state['blocks.1.0.conv_pw.weight'].transpose(2, 3, 1, 0),
  )
  np.testing.assert_array_equal(
    variables['batch_stats']['head']['normalise']['batch']['var'],
    state['bn2.running_var'],
  )


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    ({'conv_stem.weight': None}, "lack 'conv_stem.weight'"),
    ({'conv_stem.weight': np.ones((8, 3, 5, 5))}, r"'conv_stem.weight'.*5, 5"),
    ({'conv_extra.weight': np.ones(3)}, "no place for 'conv_extra.weight'"),
  ],
)
def test_what_does_not_fit_is_named(state, change, said):
  state |= change
  state = {name: array for name, array in state.items() if array is not None}
  with pytest.raises(errors.UserError, match=said):
    zoo.load_torch(zoo.load('mobilenet_v2_035'), state)


@pytest.mark.parametrize('name', ['mobilenet_v3_small', 'mnasnet_a1'])
def test_mnasnet_b1_s_names_are_for_no_block_that_squeezes(name):
  paths = {p.partition('/')[2] for p in pytorch.names(zoo.load(name))}
  modules = {p.rpartition('/')[0] for p in paths if '/se/' in p}
  assert modules
  assert {torchvision.mnasnet(m, paths) for m in modules} == {None}


def test_each_network_that_timm_names_is_compared():
  named = {name for name, net in zoo.networks().items() if net.torch}
  # Those by the names of RepDistiller, which is no package to compare with.
  own = {name for name in named if name.startswith(('resnet_cifar', 'wrn'))}
  assert named - own == set(timm_weights.PAIRS)


def test_a_family_without_names_says_so():
  with pytest.raises(errors.UserError, match='no names of PyTorch weights'):
    zoo.load_torch(zoo.load('survey_cnn_005'), {})


@pytest.mark.parametrize(
  ('name', 'array', 'said'),
  [
    ('conv_stem.weight', np.nan, "'conv_stem.weight'.* holds nan"),
    ('bn1.bias', np.inf, "'bn1.bias'.* holds inf"),
    ('bn1.running_var', -0.1, "'bn1.running_var'.* holds -0.1; a variance is"),
    ('classifier.weight', np.int8(3), "'classifier.weight'.* is int8, where"),
    # Only in float32, in which it is used.
    ('bn1.weight', np.float64(1e300), "'bn1.weight'.* holds inf"),
  ],
)
def test_values_that_no_training_leaves_are_refused(state, name, array, said):
  value = np.asarray(array)
  dtype = value.dtype if value.dtype != np.float64 or array == 1e300 else None
  state[name] = np.full(state[name].shape, array, dtype or np.float32)
  with pytest.raises(errors.UserError, match=said) as told:
    zoo.load_torch(zoo.load('mobilenet_v2_035'), state)
  assert '\n' not in str(told.value)


def _under(prefix, state, factor=1):
  return {f'{prefix}{name}': factor * array for name, array in state.items()}


@pytest.mark.parametrize(
  'prefix', ['module.', '_orig_mod.', 'model.', 'model.module._orig_mod.']
)
def test_what_stands_in_front_of_all_names_is_left_out(state, prefix):
  network = zoo.load('mobilenet_v2_035')
  found = pytorch.bring(network, _under(prefix, state))
  assert found.prefix == prefix
  assert found.passed_over == 0
  jax.tree.map(
    np.testing.assert_array_equal,
    found.variables,
    zoo.load_torch(network, state),
  )
  stray = {**_under(prefix, state), 'head.weight': np.ones(3, np.float32)}
  with pytest.raises(errors.UserError, match=r"no place for 'head.weight'"):
    zoo.load_torch(network, stray)


def test_one_set_of_several_is_asked_for(state):
  network = zoo.load('mobilenet_v2_035')
  both = {
    **_under('state_dict.module.', state),
    **_under('state_dict_ema.module.', state, factor=2),
  }
  with pytest.raises(errors.UserError, match='say which by --prefix') as told:
    pytorch.bring(network, both)
  assert "'state_dict.module' and 'state_dict_ema.module'" in str(told.value)
  with pytest.raises(errors.UserError, match="did you mean 'state_dict"):
    pytorch.bring(network, both, prefix='state_dict_emma')
  found = pytorch.bring(network, both, prefix='state_dict_ema')
  assert found.passed_over == len(state)
  bias = found.variables['params']['classifier']['bias']
  np.testing.assert_array_equal(bias, 2 * state['classifier.bias'])
  plain = {**state, **_under('ema.', state, factor=2)}
  for prefix, factor in (('', 1), ('ema', 2)):
    found = pytorch.bring(network, plain, prefix=prefix)
    bias = found.variables['params']['classifier']['bias']
    np.testing.assert_array_equal(bias, factor * state['classifier.bias'])


def test_the_classifier_is_left_out_whatever_its_size(state):
  network = zoo.load('mobilenet_v2_035')
  found = pytorch.bring(network, state, {'classes': 10}, headless=True)
  assert found.head == ('params/classifier/bias', 'params/classifier/kernel')
  whole = zoo.load_torch(network, state)
  del whole['params']['classifier']
  jax.tree.map(np.testing.assert_array_equal, found.variables, whole)
