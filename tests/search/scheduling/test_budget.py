"""Candidates that train so far, and go on in another trial."""

import copy
import dataclasses

import numpy as np
import pytest

from effnas import errors, search
from effnas.search import settings as settings_lib
from effnas.search.networks import candidate, training
from effnas.search.scheduling import budget

CONFIG = {
  'space': 'hybrid',
  'space_args': {
    'input_shape': [8, 8, 1],
    'classes': 10,
    'widths': [8],
    'depths': [1],
    'kernels': [3],
    'expansions': [2],
    'lr': [1e-2, 2e-2],
  },
  'data': {'name': 'digits', 'seed': 0, 'limit': 256},
  'quant': {'activations': 8, 'patterns': {'stem/*': 8}},
  'optim': {'name': 'adamw', 'weight_decay': 1e-2},
  'train': {
    'epochs': 3,
    'batch_size': 64,
    'augment': ['crop'],
    'crop_padding': 1,
    'checkpoint_every': 0,
    'eval_every': 0,
  },
  'footprint': {'targets': ['cpu'], 'batch': 1, 'compile': []},
  'search': {
    'engine': 'inline',
    'sampler': 'random',
    'trials': 3,
    'objectives': ['accuracy'],
    'scheduler': 'successive_halving',
    'scheduler_args': {'eta': 2},
  },
}


@pytest.mark.slow
def test_a_promoted_candidate_is_what_one_training_would_have_been(
  tmp_path, monkeypatch
):
  kept = []

  def tidy(task):
    kept.extend(str(p.relative_to(tmp_path)) for p in tmp_path.rglob('train'))
    budget.tidy(task)

  monkeypatch.setattr(candidate, 'tidy', tidy)
  trials = search.run(CONFIG, tmp_path / 'run')
  assert [t.status for t in trials] == ['done'] * 3
  assert [t.epochs for t in trials] == [1, 1, 3]
  last = trials[2]
  best = max(trials[:2], key=lambda t: t.metrics['accuracy'])
  assert last.parent == best.id
  assert last.arch == best.arch
  assert list(best.reports) == [1]
  assert list(last.reports) == [2, 3]
  assert sorted(kept) == [
    f'run/checkpoints/{i}/training/train' for i in (0, 1, 2)
  ]
  assert not list(tmp_path.rglob('training'))
  assert any('test_accuracy' in t.metrics for t in trials)

  reports = {}
  found = training.fit(CONFIG, last.arch, tmp_path / 'one', reports.setdefault)
  assert found['accuracy'] == last.metrics['accuracy']
  assert {e: reports[e] for e in (2, 3)} == last.reports
  files = [
    folder / training.WEIGHTS
    for folder in (tmp_path / 'one', training.folder(tmp_path / 'run', 2))
  ]
  assert files[0].read_bytes() == files[1].read_bytes()
  assert not (tmp_path / 'one' / 'training').exists()


def test_a_parent_that_is_gone_is_told(tmp_path):
  arch = candidate.load_space(CONFIG).sample(np.random.default_rng(0))
  given = budget.Budget(2, tmp_path / '7')
  with pytest.raises(errors.UserError, match=r'no checkpoint in .*7.training'):
    training.fit(CONFIG, arch, tmp_path / '8', lambda *_: None, given)


def test_the_budget_of_a_task(tmp_path):
  task = {'config': {}, 'workdir': str(tmp_path)}
  assert budget.read(task) is None
  assert budget.read({**task, 'epochs': 3}) == budget.Budget(3)
  found = budget.read({**task, 'epochs': 3, 'parent': 0})
  assert found == budget.Budget(3, training.folder(tmp_path, 0))
  until, every, further = budget.resolved(found, 9, 0)
  assert (until, every) == (3, 9)
  assert further == {
    'until': 3,
    'parent_dir': tmp_path / 'checkpoints' / '0' / 'training' / 'train',
  }
  assert budget.resolved(found, 9, 2)[1] == 2
  assert budget.resolved(None, 9, 0) == (9, 0, {})


@pytest.mark.parametrize(
  ('changes', 'train', 'words'),
  [
    ({'scheduler_args': {'max_epochs': 4}}, {}, 'max_epochs 4 is more than'),
    ({}, {'epochs': {'oneof': [2, 4]}}, r'train\.epochs must be one number'),
    (
      {'scheduler': 'median_stopping', 'scheduler_args': {}},
      {},
      r'set train\.eval_every to 1',
    ),
    (
      {'objectives': ['accuracy', 'params']},
      {},
      'successive_halving takes one objective',
    ),
  ],
)
def test_what_does_not_fit_is_told_before_anything_starts(
  tmp_path, changes, train, words
):
  config = copy.deepcopy(CONFIG)
  config['search'] |= changes
  config['train'] |= train
  with pytest.raises(errors.UserError, match=words) as e:
    search.run(config, tmp_path / 'run')
  assert '\n' not in str(e.value)
  assert not (tmp_path / 'run').exists()


def test_without_a_scheduler_nothing_is_asked_of_the_training():
  settings = settings_lib.make({'objectives': ['accuracy']})
  budget.check({'train': {'epochs': {'oneof': [2, 4]}}}, settings, {})
  assert settings == dataclasses.replace(settings, scheduler='none')
