import dataclasses

import pytest

from effnas.search import plain
from effnas.search.networks import candidate
from effnas.strategy.guide import axes, step
from effnas.strategy.guide import point as point_lib


@pytest.fixture
def start(config):
  return point_lib.start(config)


def _same(a, b):
  return (a.net, a.recipe) == (b.net, b.recipe) and (
    plain.plain([a.optim, a.train]) == plain.plain([b.optim, b.train])
  )


def test_each_arch_builds_its_candidate(config, start):
  axis = axes.find(config, start)
  erasing = {'name': 'erasing', 'high': 0.2}
  pruned = {'compress.prune.sparsity': 0.5, 'compress.prune.epochs': 1}
  candidates = {
    'as it is': start,
    'narrow': axis.at(start, 0.5),
    'pruned': start.replace(pruned),
    'both': axis.at(start, 0.5).replace({'compress.quantize.weights': 4}),
    'augmented': start.replace({'train.augment': ['crop', erasing]}),
    'faster': start.replace({'optim.lr': 0.5}),
  }
  made = step.listed(candidates, config['search'], axis)
  config = plain.plain(made.config)
  assert config['search']['trials'] == len(candidates)
  archs = config['search']['start_with']
  assert [made.said(arch) for arch in archs] == list(candidates)
  for arch, point in zip(archs, candidates.values(), strict=True):
    assert made.point(arch) is point
    alone = candidate.build({**point.config, **point.space()}, {})
    assert _same(candidate.build(config, arch), alone)


def test_weights_are_told_where_all_begin_with_them(config, start):
  trained = dataclasses.replace(start, trained='steps/0/weights')
  some = {'8': trained.replace({'compress.quantize.weights': 8})}
  made = step.listed(some, config['search'])
  assert made.config['guide'] == {'trained': '../../steps/0/weights'}
  some['lr'] = trained.replace({'optim.lr': 1.0})
  assert 'guide' not in step.listed(some, config['search']).config
  taught = trained.taught({'teacher': {'workdir': 'a', 'trial': 0}}, '0_base')
  made = step.listed({'taught': taught}, config['search'])
  assert made.config['guide'] == {'teacher': '../0_base'}
