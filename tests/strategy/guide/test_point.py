import pytest

from effnas import errors
from effnas.search.networks import candidate
from effnas.strategy.guide import point as point_lib


def test_what_is_left_to_choose_is_the_first_or_the_middle(config):
  config['optim']['lr'] = {'loguniform': [1e-3, 1e-1]}
  config['train']['augment'] = {'oneof': [['crop'], []]}
  found = point_lib.start(config)
  assert found.config['optim']['lr'] == pytest.approx(1e-2)
  assert found.config['train']['augment'] == ['crop']
  assert found.config['compress'] == {'order': []}
  # Nothing is left to choose.
  assert candidate.load_space({**found.config, **found.space()}).size == 1


def test_a_space_of_several_wants_to_know_which(config):
  config['space'] = 'guide_spaces:decided'
  with pytest.raises(errors.UserError, match=r'which in search\.start_with'):
    point_lib.start(config)
  config['search']['start_with'] = [{'model.width': 0.5, 'model.act': 'silu'}]
  found = point_lib.start(config)
  assert found.arch['model.width'] == 0.5
  # The space's own sections are the config's now.
  assert found.config['optim']['lr'] == pytest.approx(1e-2)
  built = candidate.build({**found.config, **found.space()}, {})
  assert (built.net.model.width, built.net.model.act) == (0.5, 'silu')
  config['search']['start_with'] = [{'model.act': 'gelu'}]
  with pytest.raises(errors.UserError, match='gelu'):
    point_lib.start(config)


def test_recipes_keep_their_order_and_trained_weights_their_use(config):
  start = point_lib.start(config)
  assert start.float
  found = point_lib.dataclasses.replace(start, trained='a')
  found = found.replace({'compress.quantize.weights': 8})
  found = found.replace({'compress.remove.sparsity': 0.5})
  found = found.replace({'compress.prune.sparsity': 0.5})
  assert found.order == ('remove', 'prune', 'quantize')
  assert found.trained == 'a'
  assert start.order == ()
  # A network that trains otherwise has other weights.
  assert found.replace({'optim.lr': 0.1}).trained is None


def test_a_network_that_trains_with_bits_is_not_float(config):
  config['quant'] = {'weights': 32, 'patterns': {'Dense_0': 8}}
  assert not point_lib.start(config).float
