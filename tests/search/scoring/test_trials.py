"""Searches that score by proxies, and train nothing."""

import copy

from flax import linen
import jax
import numpy as np
import pytest

from effnas import data, errors, search
from effnas.nn import rewrite
from effnas.search import proxies
from effnas.search.networks import candidate, training
from effnas.search.scoring import trials

CONFIG = {
  'space': 'hybrid',
  'space_args': {
    'input_shape': [8, 8, 1],
    'classes': 10,
    'widths': [4, 8],
    'depths': [1],
    'kernels': [3],
    'expansions': [2],
    'lr': [1e-2, 2e-2],
  },
  'data': {'name': 'digits', 'seed': 0, 'limit': 256},
  'quant': {'activations': 8, 'patterns': {'stem/*': 8}},
  'optim': {'name': 'adamw'},
  'train': {
    'epochs': 2,
    'batch_size': 64,
    'augment': [],
    'crop_padding': 1,
    'checkpoint_every': 0,
  },
  'footprint': {'targets': [], 'batch': 1, 'compile': []},
  'proxies': {'batch': 16},
  'search': {
    'engine': 'inline',
    'trials': 2,
    'objectives': ['proxy_synflow', 'params'],
    'sampler': 'random',
  },
}


class _Flat(linen.Module):
  @linen.compact
  def __call__(self, x):
    return linen.Dense(10)(x.reshape(len(x), -1))


EVALUATE = 'effnas.search.scoring.trials:evaluate'


def test_a_search_by_proxies_trains_nothing(tmp_path, monkeypatch):
  monkeypatch.setattr(training, 'fit', None)
  found = search.run(copy.deepcopy(CONFIG), tmp_path / 'run', evaluate=EVALUATE)
  assert [trial.status for trial in found] == ['done'] * 2
  dataset = candidate.load_data(CONFIG)
  for trial in found:
    net = rewrite.Rewritten(candidate.build(CONFIG, trial.arch).net.model)
    told = trials.scores(net, dataset, ['synflow'], batch=16)
    assert trial.metrics['proxy_synflow'] == told['synflow']
    assert trial.footprint['params'] > 0
    assert not trial.reports
  assert not (tmp_path / 'run' / 'checkpoints').exists()
  front = search.front(found, CONFIG['search']['objectives'])
  assert max(t.metrics['proxy_synflow'] for t in found) in {
    t.metrics['proxy_synflow'] for t in front
  }


def test_scores_are_means_over_initialisations():
  dataset = data.load('digits', limit=64)
  at = np.random.default_rng(0).permutation(len(dataset.train.x))[:8]
  x, y = dataset.prepare(dataset.train.x[at]), dataset.train.y[at]
  net = rewrite.Rewritten(_Flat())
  expected = []
  for seed in range(3):
    key = jax.random.key(seed)
    variables = net.init(key, x[:1])
    expected.append(proxies.load('snip')(net, variables, x, y, key))
  found = trials.scores(net, dataset, ['snip'], batch=8, repeats=3)
  assert found['snip'] == pytest.approx(np.mean(expected), rel=1e-5)
  assert np.ptp(expected) > 0


@pytest.mark.parametrize(
  ('changes', 'said'),
  [
    ({'objectives': ['proxy_synflow', 'accuracy']}, 'accuracy needs it'),
    ({'soft_constraints': {'accuracy': 0.5}}, 'accuracy needs it'),
    ({'proxies': {'bach': 8}}, "did you mean 'batch'"),
    ({'proxies': 8}, 'proxies must hold settings by name'),
    ({'proxies': {'batch': 0}}, 'whole number of at least 1, got 0'),
  ],
)
def test_what_does_not_fit_is_told(changes, said):
  config = copy.deepcopy(CONFIG)
  config['proxies'] = changes.pop('proxies', config['proxies'])
  config['search'] |= changes
  with pytest.raises(errors.UserError, match=said):
    trials.evaluate({'config': config}, {}, 0, None)
