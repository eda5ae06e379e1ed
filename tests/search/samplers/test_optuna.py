import sys

import mixed_search
import numpy as np
import pytest

from effnas import errors
from effnas.search import samplers


def ask(trials=(), seed=0, objectives=('accuracy',), **args):
  space = mixed_search.mixed()
  return samplers.load('optuna', args)(
    space,
    mixed_search.problem(space, objectives),
    trials,
    np.random.default_rng(seed),
  )


def test_without_optuna_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, 'optuna', None)
  with pytest.raises(errors.UserError, match=r'pip install "effnas\[optuna\]"'):
    ask()


def test_an_algorithm_that_a_replay_cannot_serve_is_none():
  with pytest.raises(errors.UserError, match=r'unknown algorithm .* known: gp'):
    ask(algorithm='nsga2')


def test_options_go_to_the_class():
  pytest.importorskip('optuna')
  with pytest.raises(errors.UserError, match=r'TPESampler: .*startup'):
    ask(options={'startup': 3})
  ask(options={'n_startup_trials': 3})


def test_a_study_learns_from_the_trials():
  """Rates near the best one are asked for, and not without trials."""
  pytest.importorskip('optuna')
  space, rng = mixed_search.mixed(), np.random.default_rng(0)
  trials = [mixed_search.trial(i, space.sample(rng)) for i in range(60)]
  told, untold = (
    np.mean([abs(np.log10(ask(t, s)['rate']) + 2.5) for s in range(20)])
    for t in (trials, [])
  )
  assert told < 0.7 * untold
