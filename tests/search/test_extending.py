"""A finished search goes on with more trials, as if asked for all at once."""

import importlib
import importlib.util
import json

import budget_search
import pytest
import toy_search

from effnas import errors, search
from effnas.search import samplers, schedulers


def named(names):
  return [
    pytest.param(
      name,
      marks=pytest.mark.skipif(
        name == 'optuna' and importlib.util.find_spec('optuna') is None,
        reason='Optuna is not installed',
      ),
    )
    for name in names
  ]


def toy(path, problem=None, **changes):
  return search.run(
    toy_search.config(**changes),
    path,
    evaluate='toy_search:evaluate',
    problem=problem or toy_search.problem(),
  )


@pytest.mark.parametrize('name', named(samplers.names()))
def test_a_sampler_goes_on_as_from_the_start(tmp_path, name):
  def run(path, trials):
    config = budget_search.config(
      'none', sampler=name, sampler_args={}, trials=trials, concurrency=2
    )
    return budget_search.run(path, config)

  whole = run(tmp_path / 'whole', 15)
  run(tmp_path / 'grown', 11)
  grown = run(tmp_path / 'grown', 15)
  assert len(grown) == 15
  assert budget_search.essence(grown) == budget_search.essence(whole)
  config = json.loads((tmp_path / 'grown' / 'config.json').read_text())
  assert config['search']['trials'] == 15


@pytest.mark.parametrize(
  'name',
  [
    # It fits curves, some seconds in all.
    pytest.param(name, marks=pytest.mark.slow)
    if name == 'learning_curve'
    else name
    for name in budget_search.ARGS
  ],
)
def test_a_scheduler_goes_on_as_from_the_start_or_says_why_not(tmp_path, name):
  def run(path, trials):
    config = budget_search.config(name, trials=trials)
    return budget_search.run(path, config | {'train': {'epochs': 9}})

  args = budget_search.ARGS[name]
  run(tmp_path / 'grown', 15)
  if schedulers.load(name, args, 9).promotes:
    with pytest.raises(errors.UserError) as caught:
      run(tmp_path / 'grown', 22)
    said = str(caught.value)
    assert f'scheduler {name} goes on with earlier trials' in said
    assert f'--warm_start={tmp_path}/grown' in said
    assert '\n' not in said
    # One that has not ended still has all that later trials need.
    journal = tmp_path / 'grown' / 'trials.jsonl'
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(''.join(lines[:-1]))
  grown = run(tmp_path / 'grown', 22)
  whole = run(tmp_path / 'whole', 22)
  assert budget_search.essence(grown) == budget_search.essence(whole)


def test_every_declaration_names_arguments():
  for package, function in ((samplers, 'propose'), (schedulers, 'decide')):
    for name in package.names():
      module = importlib.import_module(f'{package.__name__}.{name}')
      for key in getattr(module, 'MADE_FOR_TOTAL', ()):
        assert key in getattr(module, function).__kwdefaults__


def test_a_design_made_for_the_number_is_not_extended(tmp_path):
  def run(trials):
    config = budget_search.config(
      'none',
      sampler='latin_hypercube',
      sampler_args={'points': 6},
      trials=trials,
    )
    return budget_search.run(tmp_path, config)

  run(6)
  before = (tmp_path / 'config.json').read_bytes()
  with pytest.raises(errors.UserError) as caught:
    run(9)
  assert 'sampler latin_hypercube was given points=6' in str(caught.value)
  assert f'--warm_start={tmp_path}' in str(caught.value)
  assert (tmp_path / 'config.json').read_bytes() == before
  assert len(run(6)) == 6


def test_fewer_trials_than_there_are_is_refused(tmp_path):
  toy(tmp_path)
  with pytest.raises(
    errors.UserError, match=r'holds 12 trials, and search\.tr'
  ):
    toy(tmp_path, trials=9)
  assert len(toy(tmp_path)) == 12


def test_the_default_number_is_a_number_too(tmp_path):
  config = toy_search.config()
  del config['search']['trials']
  problem = toy_search.problem()
  arguments = {'evaluate': 'toy_search:evaluate', 'problem': problem}
  assert len(search.run(config, tmp_path, **arguments)) == 24
  assert len(toy(tmp_path, trials=26)) == 26


def test_other_settings_are_refused_with_more_trials(tmp_path):
  toy(tmp_path)
  with pytest.raises(errors.UserError, match=r'search\.seed'):
    toy(tmp_path, trials=20, seed=3)


def test_a_warm_start_is_extended_where_no_more_of_it_is_tried(tmp_path):
  first = tmp_path / 'first'
  front = search.front(toy(first, trials=16), ['accuracy', 'params'])
  assert len(front) > 3
  path = tmp_path / 'warm'
  warm = {'warm_start': str(first)}
  toy(path, trials=8, **warm)
  with pytest.raises(errors.UserError, match='how much of its warm start'):
    toy(path, trials=12, **warm)
  grown = toy(path, trials=11, **warm)
  whole = toy(tmp_path / 'whole', trials=11, **warm)
  assert [t.arch for t in grown] == [t.arch for t in whole]


def test_only_new_members_of_the_front_are_tested(tmp_path, monkeypatch):
  tested = []

  def test(task, arch, trial):
    tested.append(trial)
    return {'test_accuracy': 0.5}

  monkeypatch.setattr(toy_search, 'test', test, raising=False)
  toy(tmp_path, trials=8)
  first = list(tested)
  assert first
  trials = toy(tmp_path, trials=20)
  assert len(set(tested)) == len(tested) > len(first)
  front = search.front(trials, ['accuracy', 'params'])
  assert {t.id for t in front} <= set(tested)


def test_a_space_that_is_at_its_end_says_so(tmp_path, caplog):
  problem = toy_search.problem(keys=1, values=(0, 1))
  assert len(toy(tmp_path, problem, trials=5)) == 2
  said = 'the search ended after 2 of 5 trials: the space has no other'
  assert said in caplog.text
  caplog.clear()
  assert len(toy(tmp_path, problem, trials=2)) == 2
  assert 'ended after' not in caplog.text


def test_constraints_that_leave_no_more_say_so(tmp_path, caplog):
  problem = toy_search.problem({'params': 1.5}, keys=2, values=(0, 1))
  config = {'trials': 4, 'constraints': {'params': 1.5}, 'max_draws': 7}
  assert len(toy(tmp_path, problem, **config)) == 1
  assert 'nothing new that meets the constraints' in caplog.text
