"""A walk that grows first; and networks whose weights were given."""

import shutil

import pytest

from effnas.strategy import guide
from effnas.strategy.guide import here as here_lib

_BUDGET = 4500


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp('grow')


@pytest.fixture(scope='session')
def grown(_spaces, a_config, folder):
  compress = {**a_config['compress'], 'prune': {'sparsity': {'oneof': [0.0]}}}
  compress['quantize'] = {'weights': {'oneof': [8]}, 'epochs': 0}
  plan = guide.make(
    'grow',
    {**a_config, 'compress': compress},
    budget={'size_bytes': _BUDGET},
    widths=(0.5, 2.0),
    steps=('widen', 'fit', 'distil'),
  )
  return guide.walk(plan, folder)


def test_it_ends_within_the_budget(grown):
  rows = {row.step: row for row in grown.rows}
  assert rows['widen'].after.said == 'width 2'
  assert rows['fit'].kept
  fitted = [t for t in grown.tried if t.step in ('fit', 'distil')]
  assert {t.said.partition(' ')[0] for t in fitted} == {'width', 'distilled'}
  assert all(t.values['size_bytes'] <= _BUDGET for t in fitted)
  assert grown.chosen.values['size_bytes'] <= _BUDGET
  within = [t for t in grown.tried if t.values['size_bytes'] <= _BUDGET]
  best = max(t.values['accuracy'] for t in within)
  assert grown.chosen.values['accuracy'] == best


def test_the_way_tells_the_last_width_alone(grown):
  rows = {row.step: row for row in grown.rows}
  taught = next(t for t in grown.tried if t.step == 'distil')
  width = grown.plan.axis.now(rows['fit'].after.point)
  words = grown.way(taught)
  assert words[-1] == taught.said
  assert [w for w in words if 'width' in w] == (
    [] if width == 1.0 else [f'width {width:g}']
  )


def test_the_teacher_is_the_best_that_was_kept(grown):
  taught = [t for t in grown.tried if t.step == 'distil']
  assert len(taught) == 2
  kept = [t for t in grown.path if t.step not in ('fit', 'distil')]
  best = max(kept, key=lambda t: t.values['accuracy'])
  assert all(f'distilled from {best.name}' in t.said for t in taught)
  # The two learn from other labels than those of the data.
  losses = {t.values['loss'] for t in taught}
  assert len(losses) == 2


def test_a_walk_can_be_moved(grown, folder, tmp_path):
  moved = tmp_path / 'moved'
  shutil.copytree(folder, moved)
  before = {j: j.read_bytes() for j in moved.glob('steps/*/trials.jsonl')}
  again = guide.walk(grown.plan, moved)
  assert {j: j.read_bytes() for j in before} == before
  assert again.tests == grown.tests


def test_given_weights_are_not_trained_again(walk, workdir, a_config, tmp_path):
  first = walk.baseline
  source = workdir / first.point.trained
  shutil.copy(source, tmp_path / 'trained.safetensors')
  compress = {**a_config['compress'], 'remove': {'sparsity': 0.5, 'epochs': 0}}
  plan = guide.make(
    'shrink',
    {
      **a_config,
      'compress': compress,
      'train': {**a_config['train'], 'seed': 1},  # would give other weights
    },
    keep_quality=100,
    steps=('width',),
    pretrained='trained.safetensors',
  )
  found = guide.walk(plan, tmp_path)
  assert found.baseline.values['accuracy'] == first.values['accuracy']
  (cut,) = (t for t in found.tried if t.step == 'width')
  assert cut.said == '50 % of channels removed'
  assert cut.values['params'] < first.values['params']
  assert isinstance(found.chosen, here_lib.Tried)
