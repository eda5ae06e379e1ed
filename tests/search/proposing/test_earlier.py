import numpy as np
import pytest

from effnas import errors, search, space
from effnas.search import problem as problem_lib


def _space(*options):
  return space.Space({f'k{i}': space.oneof(*options) for i in range(4)})


def _problem(*options, objectives=('accuracy', 'params')):
  return problem_lib.Problem(
    _space(*options), objectives, lambda arch: {'params': sum(arch.values())}
  )


def evaluate(task, arch, trial, report):
  """Best where all decisions are 3."""
  off = sum((value - 3) ** 2 for value in arch.values())
  return {'accuracy': 1 / (1 + off)}


def _run(path, problem, **further):
  settings = {
    'objectives': list(problem.objectives),
    'trials': 12,
    'engine': 'inline',
    'sampler': 'nsga2',
    'sampler_args': {'population': 4},
    **further,
  }
  return search.run(
    {'search': settings}, path, evaluate=f'{__name__}:evaluate', problem=problem
  )


def test_the_earlier_front_is_tried_first(tmp_path):
  problem = _problem(1, 2, 3, 4)
  before = _run(tmp_path / 'a', problem, trials=20)
  after = _run(
    tmp_path / 'b', problem, seed=1, warm_start=str(tmp_path / 'a'), trials=12
  )
  front = [t.arch for t in search.front(before, problem.objectives)]
  count = min(len(front), 3)  # a quarter of 12
  assert all(trial.arch in front for trial in after[:count])
  cold = _run(tmp_path / 'c', problem, seed=1, trials=12)
  assert after != cold


def test_samplers_see_the_earlier_trials(tmp_path, monkeypatch):
  from effnas.search.samplers import random

  seen = []

  def propose(space, problem, trials, rng):
    seen.append(len(trials))
    return space.sample(rng)

  problem = _problem(1, 2, 3, 4)
  _run(tmp_path / 'a', problem, trials=7)
  monkeypatch.setattr(random, 'propose', propose)
  _run(
    tmp_path / 'b',
    problem,
    sampler='random',
    sampler_args={},
    trials=8,
    warm_start=str(tmp_path / 'a'),
  )
  assert seen[-1] == 7 + 7


def test_it_is_resumed_with_what_was_copied(tmp_path):
  problem = _problem(1, 2, 3, 4)
  _run(tmp_path / 'a', problem)
  warm = {'warm_start': str(tmp_path / 'a'), 'seed': 1}
  whole = _run(tmp_path / 'whole', problem, **warm)
  _run(tmp_path / 'b', problem, **warm)
  journal = tmp_path / 'b' / 'trials.jsonl'
  lines = journal.read_bytes().splitlines(keepends=True)
  journal.write_bytes(b''.join(lines[:9]))
  for file in (tmp_path / 'a').iterdir():
    file.unlink()
  again = _run(tmp_path / 'b', problem, **warm)
  assert [t.arch for t in again] == [t.arch for t in whole]


def test_a_wider_space_takes_all_and_a_narrower_what_fits(tmp_path, caplog):
  before = _run(tmp_path / 'a', _problem(1, 2, 3, 4))
  warm = {'warm_start': str(tmp_path / 'a'), 'seed': 1}
  _run(tmp_path / 'b', _problem(1, 2, 3, 4, 5), **warm)
  assert not caplog.records
  fitting = [t for t in before if 4 not in t.arch.values()]
  assert 0 < len(fitting) < 12
  _run(tmp_path / 'c', _problem(1, 2, 3), **warm)
  assert f'{len(fitting)} of 12 trials are points' in caplog.text


@pytest.mark.parametrize(
  ('problem', 'said'),
  [
    (
      _problem(5, 6),
      r'no trial of .* is a point of this space: space.k0.options: '
      r'\[1, 2, 3, 4\] \(earlier\) != \[5, 6\] \(now\)',
    ),
    (_problem(1, 2, 3, 4, objectives=('loss',)), 'lack loss'),
  ],
)
def test_what_cannot_be_used_is_told_with_the_difference(
  tmp_path, problem, said
):
  _run(tmp_path / 'a', _problem(1, 2, 3, 4))
  with pytest.raises(errors.UserError, match=said):
    _run(tmp_path / 'b', problem, warm_start=str(tmp_path / 'a'))
  assert not (tmp_path / 'b').exists()


def test_a_folder_without_a_search_is_told(tmp_path):
  with pytest.raises(errors.UserError, match=r'warm start: no trials\.jsonl'):
    _run(tmp_path / 'b', _problem(1, 2), warm_start=str(tmp_path / 'a'))


def test_an_earlier_search_helps(tmp_path):
  """The best after few trials, over seeds, is better than without."""
  problem = _problem(1, 2, 3, 4, 5, 6, 7, 8, objectives=('accuracy',))
  args = {'sampler': 'regularized_evolution', 'sampler_args': {}, 'trials': 8}
  cold, warm = [], []
  for seed in range(4):
    first = tmp_path / f'a{seed}'
    _run(first, problem, **{**args, 'trials': 40, 'seed': 10 + seed})
    for found, further in (
      (cold, {}),
      (warm, {'warm_start': str(first)}),
    ):
      folder = tmp_path / f'{len(found)}{bool(further)}'
      trials = _run(folder, problem, **args, seed=seed, **further)
      found.append(max(t.metrics['accuracy'] for t in trials))
  assert np.mean(warm) > np.mean(cold)
