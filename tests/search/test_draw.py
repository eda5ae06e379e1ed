"""What is drawn: new architectures within the constraints, or why not."""

import led
import numpy as np
import pytest
import toy_search

from effnas import errors
from effnas.search import (
  conductor,
  journal,
)


def test_constraints_are_met_before_a_trial_is_proposed(tmp_path):
  problem = toy_search.problem({'params': 50})
  leader = led.lead(tmp_path / 'j', problem=problem)
  led.shuffled(leader, 1, np.random.default_rng(0))
  assert all(t.footprint['params'] <= 50 for t in leader.journal.trials)


def test_a_constraint_that_nothing_meets_names_the_smallest_seen(tmp_path):
  counted = []

  def footprint(arch):
    counted.append(toy_search.params(arch) + 1000)
    return {'params': counted[-1], 'size_bytes': 1}

  problem = toy_search.problem({'params': 999, 'size_bytes': 10})
  object.__setattr__(problem, 'footprint', footprint)
  leader = led.lead(tmp_path / 'j', 'random', problem, max_draws=40)
  with pytest.raises(errors.UserError) as e:
    leader.next()
  said = str(e.value)
  assert f'params <= 999 (smallest seen: {min(counted)})' in said
  assert 'in 40 draws' in said
  assert 'size_bytes' not in said
  assert len(counted) == 40
  assert leader.journal.trials == []


def test_a_lower_bound_that_nothing_meets_names_the_largest_seen(tmp_path):
  name = 'throughput@a100'
  seen = []

  def footprint(arch):
    seen.append(1000 / toy_search.params(arch))
    return {name: seen[-1], 'params': 10}

  problem = toy_search.problem({name: 1001, 'params': 10})
  object.__setattr__(problem, 'footprint', footprint)
  leader = led.lead(tmp_path / 'j', 'random', problem, max_draws=40)
  with pytest.raises(errors.UserError) as e:
    leader.next()
  said = f'no candidate meets {name} >= 1001 (largest seen: {max(seen):g}) in'
  assert str(e.value).startswith(said)
  assert '; lower the bound, let the space' in str(e.value)


@pytest.mark.parametrize('error', [errors.UserError, ValueError])
def test_a_footprint_that_never_works_ends_the_search(tmp_path, error):
  def footprint(arch):
    raise error("unknown target 'tpu_v5'")

  problem = toy_search.problem()
  object.__setattr__(problem, 'footprint', footprint)
  leader = led.lead(tmp_path / 'j', problem=problem)
  with pytest.raises(error, match='unknown target'):
    leader.next()
  assert leader.journal.trials == []  # nothing to be repeated once it is mended


def test_a_finite_space_ends_the_search_when_all_of_it_is_tried(tmp_path):
  problem = toy_search.problem(keys=2, values=(0, 1, 2))
  leader = led.lead(tmp_path / 'j', problem=problem, trials=50, max_draws=3)
  led.shuffled(leader, 1, np.random.default_rng(0))
  archs = {str(t.arch) for t in leader.journal.trials}
  assert len(archs) == len(leader.journal.trials) == 9


def test_so_does_one_of_which_only_some_is_feasible(tmp_path):
  problem = toy_search.problem({'params': 3}, keys=2, values=(0, 1, 2))
  leader = led.lead(tmp_path / 'j', problem=problem, trials=50, max_draws=3)
  led.shuffled(leader, 1, np.random.default_rng(0))
  assert sorted(t.footprint['params'] for t in leader.journal.trials) == [
    1,
    2,
    3,
    3,
  ]


def test_a_large_space_repeats_where_draws_find_nothing_new(tmp_path, caplog):
  book = journal.Journal(tmp_path / 'j')
  leader = conductor.Conductor(
    toy_search.problem(),
    lambda space, *_: dict.fromkeys(space.keys, 1),
    book,
    trials=3,
    max_draws=4,
  )
  led.shuffled(leader, 1, np.random.default_rng(0))
  assert len(book.trials) == 3
  assert 'none of 4 draws was new' in caplog.text


def test_an_architecture_that_cannot_be_counted_is_a_failed_trial(tmp_path):
  def footprint(arch):
    if arch['model.stage.0'] % 2:
      raise ValueError('kernel larger than image')
    return {'params': 1}

  problem = toy_search.problem((), ['accuracy'])
  object.__setattr__(problem, 'footprint', footprint)
  leader = led.lead(tmp_path / 'j', 'random', problem)
  led.shuffled(leader, 1, np.random.default_rng(0))
  odd = [t for t in leader.journal.trials if t.arch['model.stage.0'] % 2]
  assert len(odd) > 2
  for trial in odd:
    assert trial.status == 'failed'
    assert trial.reason == 'footprint: ValueError: kernel larger than image'
