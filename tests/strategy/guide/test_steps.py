"""What each step tries from where the walk stands; nothing is trained."""

import dataclasses

import pytest

from effnas.search.networks import candidate
from effnas.strategy import guide
from effnas.strategy.guide import foresee, step, steps
from effnas.strategy.guide import here as here_lib


@pytest.fixture
def made(config):
  """Returns what a step tries, by what it changes, from a changed network."""

  def make(name, goal='shrink', changes=(), budget=None, accuracy=0.9):
    plan = guide.make(goal, config, budget=budget, widths=(0.25, 0.5, 2.0))
    point = plan.start.replace(dict(changes)) if changes else plan.start
    values = {**foresee.footprint(plan, point), 'accuracy': accuracy}
    at = here_lib.Tried('baseline', 0, '', values, point, {}, {})
    row = here_lib.Row('baseline', 'start', None, at, True, folder='steps/0_b')
    here = here_lib.Here(at, (row,))
    found = steps.load(name).make(plan, here)
    archs = found.config['search'].get('start_with', [])
    return {found.said(a): found.point(a) for a in archs}, found

  return make


def test_width(made):
  assert list(made('width')[0]) == ['width 0.25', 'width 0.5']


def test_prune_and_quantize(made):
  found, _ = made('prune')
  assert list(found) == ['50 % pruned']
  assert found['50 % pruned'].get('compress.prune.thin') == 0
  found, _ = made('quantize', changes={'compress.prune.sparsity': 0.5})
  assert [p.order for p in found.values()] == [('prune', 'quantize')] * 2


def test_what_is_not_cheaper_is_not_tried(made, config):
  config['search']['objectives'] = ['accuracy', 'macs']
  with pytest.raises(step.Skip, match='nothing offered lowers macs'):
    made('quantize')


def test_a_network_that_trains_with_bits_gets_fewer(made, config):
  config['quant']['weights'] = 8
  found, _ = made('quantize')
  assert list(found) == ['4 bits']
  assert found['4 bits'].get('quant.weights') == 4
  assert found['4 bits'].order == ()


def test_augment(made, config):
  found, _ = made('augment')
  assert list(found) == [
    'translate',
    'erasing',
    'mixup',
    'translate + erasing',
  ]
  config['train']['augment'] = {'oneof': [['crop'], [], ['crop', 'mixup']]}
  found, _ = made('augment')
  assert list(found) == ['no augmentation', 'crop + mixup']


def test_tune_varies_what_the_config_says_or_the_learning_rate(made, config):
  _, usual = made('tune')
  space = candidate.load_space(usual.config)
  assert set(space.decisions) == {'optim.lr', 'train.label_smoothing'}
  lr = space.decisions['optim.lr']
  assert lr.low < 2e-2 < lr.high
  config['optim']['b1'] = {'oneof': [0.8, 0.9]}
  config['train']['augment'] = {'oneof': [[], ['crop']]}  # of another step
  _, own = made('tune')
  assert set(candidate.load_space(own.config).decisions) == {'optim.b1'}
  point = own.point({'optim.b1': 0.9})
  assert point.config['optim'] == {'name': 'adamw', 'lr': 2e-2, 'b1': 0.9}
  assert own.said({'optim.b1': 0.9}) == 'b1 0.9'


def test_search_varies_the_model_alone_at_no_more_cost(made, config):
  with pytest.raises(step.Skip, match='nothing to choose'):
    made('search')
  config['space'] = 'guide_spaces:decided'
  first = {'model.width': 1.0, 'model.act': 'relu'}
  config['search']['start_with'] = [first]
  found, whole = made('search')
  space = candidate.load_space(whole.config)
  assert set(space.decisions) == {'model.width', 'model.act'}
  assert list(found) == ['the same network']
  assert set(whole.config['search']['constraints']) == {'size_bytes'}
  other = {'model.width': 1.0, 'model.act': 'silu'}
  assert whole.said(other) == 'another network (1 of 2 choices differ)'
  assert whole.point(other).arch['model.act'] == 'silu'
  assert 'optim.lr' in whole.point(other).arch


def test_further_goes_one_notch_on(made):
  changes = {'compress.quantize.weights': 8}
  found, _ = made('further', changes=changes)
  assert '4 bits' in found
  assert 'width 0.5, 50 % pruned, 4 bits' in found
  assert not any('0.25' in said for said in found)
  changes = {'compress.quantize.weights': 4, 'compress.prune.sparsity': 0.5}
  assert list(made('further', changes=changes)[0]) == ['width 0.5']


def test_fit_takes_the_widest_that_fits(made, config):
  plan = guide.make('grow', config, budget={'size_bytes': 1e6}, widths=(0.5,))
  small = plan.axis.at(plan.start, 0.5)
  bound = foresee.footprint(plan, small)['size_bytes']
  found, _ = made('fit', 'grow', budget={'size_bytes': bound})
  assert 'width 0.5' in found
  assert any(said.startswith('width 1, ') for said in found)
  widths = {}
  for said, point in found.items():
    assert foresee.footprint(plan, point)['size_bytes'] <= bound
    widths[said.partition(', ')[2]] = plan.axis.now(point)
  assert widths[''] <= min(widths.values())


def test_widen(made):
  assert list(made('widen', 'grow', budget={'size_bytes': 1e6})[0]) == [
    'width 2'
  ]


def test_distil_learns_from_the_best_so_far(made):
  found, whole = made('distil')
  assert len(found) == 2
  assert whole.config['guide'] == {'teacher': '../0_b'}
  for point in found.values():
    distill = dataclasses.asdict(point)['config']['train']['distill']
    assert distill['teacher']['trial'] == 0


def test_nobody_is_its_own_teacher(config):
  plan = guide.make('shrink', config)
  first, best = (
    here_lib.Tried(name, 0, '', {'accuracy': a}, plan.start, {}, {})
    for name, a in (('baseline', 0.8), ('tune', 0.9))
  )
  rows = (
    here_lib.Row('baseline', 'start', None, first, True, folder='steps/0_a'),
    here_lib.Row('width', 'shrink', first, best, False, folder='steps/1_b'),
    here_lib.Row('tune', 'improve', first, best, True, folder='steps/2_c'),
  )
  here = here_lib.Here(best, rows)
  found = steps.load('distil').make(plan, here)
  assert found.config['guide'] == {'teacher': '../0_a'}
