"""A candidate, from its arch to the weights file that was measured."""

import copy
import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from effnas import errors, footprint, search
from effnas.footprint import weights
from effnas.nn import rewrite
from effnas.search.networks import candidate, network_trials, training

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
    'epochs': 2,
    'batch_size': 64,
    'augment': [],
    'crop_padding': 1,
    'checkpoint_every': 0,
  },
  'footprint': {'targets': ['cpu'], 'batch': 1, 'compile': []},
  'search': {
    'engine': 'inline',
    'trials': 2,
    'objectives': ['accuracy', 'latency_ms@tpu_v5e'],
    'constraints': {'size_bytes': 100_000},
    'max_draws': 10,
  },
}


def _config(**changes):
  config = copy.deepcopy(CONFIG)
  for path, value in changes.items():
    *sections, key = path.split('__')
    at = config
    for section in sections:
      at = at[section]
    at[key] = value
  return config


@pytest.fixture(scope='module')
def trials(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('search') / 'run'
  config = _config(footprint__compile=['cpu:8'])
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(footprint, 'compile_for', _compile_for)
    return workdir, search.run(config, workdir)


def _compile_for(net, shape, target, batch, **_):
  return footprint.Compiled(target, batch, 'fake 1', 1e9, 500 + batch, 1, 1)


def test_the_size_is_that_of_the_file_on_disk(trials):
  workdir, found = trials
  for trial in found:
    file = training.folder(workdir, trial.id) / training.WEIGHTS
    assert file.stat().st_size == trial.footprint['size_bytes']


def test_kernels_in_the_file_are_integers(trials):
  workdir, found = trials
  for trial in found:
    file = training.folder(workdir, trial.id) / training.WEIGHTS
    params = weights.deserialize(file.read_bytes())['params']
    bits = trial.arch['quant.weights']
    assert params['classifier']['kernel'].dtype.name == f'int{bits}'
    assert params['stem']['conv']['kernel'].dtype.name == 'int8'


def test_the_front_and_only_the_front_is_tested(trials):
  _, found = trials
  front = {t.id for t in search.front(found, CONFIG['search']['objectives'])}
  tested = {t.id for t in found if 'test_accuracy' in t.metrics}
  assert front == tested
  assert all(0 <= t.metrics['accuracy'] <= 1 for t in found)


def test_the_front_and_only_the_front_is_compiled(trials):
  _, found = trials
  front = {t.id for t in search.front(found, CONFIG['search']['objectives'])}
  memory = 'peak_memory_bytes@cpu:8'
  told = {t.id: t.metrics[memory] for t in found if memory in t.metrics}
  assert told == dict.fromkeys(front, 510)
  for trial in found:
    assert memory not in trial.footprint
    assert trial.sources.keys() == {
      'latency_ms@tpu_v5e',
      'latency_ms@cpu',
      memory,
    }
    assert trial.sources['latency_ms@tpu_v5e'].startswith('datasheet, ')
    assert ' int8' in trial.sources['latency_ms@tpu_v5e']
    assert trial.sources[memory].startswith('compiled (jaxlib ')


def test_the_search_asked_for_exactly_these_costs(trials):
  for trial in trials[1]:
    assert list(trial.footprint) == [
      *('params', 'macs', 'size_bytes', 'peak_memory_bytes'),
      *('latency_ms@tpu_v5e', 'latency_ms@cpu'),
    ]


def test_a_member_of_the_front_that_does_not_compile_says_why(
  trials, monkeypatch, caplog
):
  def fail(net, shape, target, batch, **_):
    if target == 'cpu':
      raise errors.UserError('jaxlib crashed compiling for cpu (SIGSEGV)')
    return _compile_for(net, shape, target, batch)

  workdir, (trial, *_) = trials
  monkeypatch.setattr(footprint, 'compile_for', fail)
  config = _config(footprint__compile=['cpu', 'a100', 'a100'])
  task = {'config': config, 'workdir': workdir}
  found = network_trials.test(task, trial.arch, trial.id)
  assert 0 <= found['test_accuracy'] <= 1
  assert found['failed_to_compile@cpu'].startswith('jaxlib crashed')
  assert found['peak_memory_bytes@a100'] == 503
  assert 'peak_memory_bytes@cpu' not in found
  assert 'trial 0, cpu: jaxlib crashed' in caplog.text


def test_what_the_search_compiles_is_not_compiled_again(monkeypatch):
  config = _config(footprint__compile=['cpu'])
  config['search']['objectives'] = ['accuracy', 'peak_memory_bytes@cpu']
  calls = []

  def count(net, shape, target, batch, **_):
    calls.append(target)
    return _compile_for(net, shape, target, batch)

  monkeypatch.setattr(footprint, 'compile_for', count)
  problem = network_trials.problem(config)
  assert calls == []  # a sample that fails to compile is no reason to end
  arch = problem.space.sample(np.random.default_rng(0))
  assert problem.footprint(arch)['peak_memory_bytes@cpu'] == 503
  assert calls == ['cpu']
  monkeypatch.setattr(training, 'test_weights', lambda *_: {'accuracy': 0.5})
  task = {'config': config, 'workdir': ''}
  assert network_trials.test(task, arch, 0) == {'test_accuracy': 0.5}
  assert calls == ['cpu']


def test_macs_do_not_depend_on_bits():
  problem = network_trials.problem(CONFIG)
  arch = problem.space.sample(np.random.default_rng(0))
  costs = [
    problem.footprint({**arch, 'quant.weights': bits}) for bits in (4, 8)
  ]
  assert costs[0]['macs'] == costs[1]['macs']
  assert costs[0]['params'] == costs[1]['params']
  assert costs[0]['size_bytes'] < costs[1]['size_bytes']


def test_the_problem_starts_no_backend(tmp_path):
  code = (
    'import json, sys, numpy as np\n'
    'from effnas.search.networks import network_trials\n'
    'problem = network_trials.problem(json.loads(sys.argv[1]))\n'
    'arch = problem.space.sample(np.random.default_rng(0))\n'
    'print(len(problem.footprint(arch)), len(problem.sources(arch)))\n'
    'from jax._src import xla_bridge\n'
    'assert not xla_bridge._backends, xla_bridge._backends\n'
    "assert 'ray' not in sys.modules\n"
  )
  config = _config()
  config['search']['objectives'] += [
    'throughput@tpu_v3:128',
    'peak_memory_bytes@cpu',
    'train_step_memory',
    'accelerator_hours@a100',
  ]
  found = subprocess.run(
    [sys.executable, '-c', code, json.dumps(config)],
    capture_output=True,
    text=True,
    check=True,
    env={**os.environ, 'XDG_CACHE_HOME': str(tmp_path)},
  )
  assert found.stdout.split() == ['10', '5']


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'space': 'hybird'}, "did you mean 'hybrid'"),
    ({'space_args__clases': 3}, "did you mean 'classes'"),
    ({'optim__weight_deca': 1.0}, "did you mean 'weight_decay'"),
    ({'optim__name': 'adamv'}, "did you mean 'adam"),
    ({'train__epoch': 1}, "did you mean 'epochs'"),
    ({'train__augment': ['flop']}, "did you mean 'flip'"),
    ({'quant__activations': 9}, '1 to 8 bits'),
    ({'space_args__classes': 3}, '3 logits, but digits has 10 classes'),
    ({'data__name': 'digit'}, "did you mean 'digits'"),
    ({'footprint__targets': ['tpu_v9']}, 'unknown target'),
    ({'footprint__compile': ['tpu_v9']}, 'unknown target'),
    ({'footprint__targets': ['tpu_v3:0']}, 'NAME or NAME:BATCH'),
    ({'search__objectives': ['acuracy']}, "did you mean 'accuracy'"),
    ({'search__constraints': {'size_bytes': 10}}, 'size_bytes'),
  ],
)
def test_bad_input_is_one_line_and_leaves_nothing(changes, message, tmp_path):
  workdir = tmp_path / 'run'
  with pytest.raises(errors.UserError, match=message) as caught:
    search.run(_config(**changes), workdir)
  assert '\n' not in str(caught.value)
  assert not workdir.exists()


@pytest.mark.parametrize(
  'name',
  [
    'space',
    'space_args',
    'data',
    'data.name',
    'quant',
    'optim',
    'train',
    'train.epochs',
    'train.augment',
    'train.crop_padding',
    'train.checkpoint_every',
    'footprint',
    'footprint.targets',
    'footprint.batch',
    'footprint.compile',
    'search',
    'search.objectives',
  ],
)
def test_what_the_config_lacks_is_named(name):
  config = _config()
  section, _, key = name.partition('.')
  del (config[section] if key else config)[key or section]
  with pytest.raises(errors.UserError, match=name):
    network_trials.problem(config)


def test_unknown_targets_and_bad_batches_are_found_by_the_problem():
  for settings in (
    {'targets': ['a10']},
    {'compile': ['a10']},
    {'batch': 0},
  ):
    config = _config(footprint={**CONFIG['footprint'], **settings})
    with pytest.raises(
      errors.UserError,
      match=r'a10|footprint\.batch must be a whole number of at least 1',
    ):
      network_trials.problem(config)


def test_a_trial_that_diverges_is_recorded(tmp_path):
  config = _config(
    optim__clip=0.0, optim__name='sgd', train__epochs=1, search__trials=1
  )
  config['space_args']['lr'] = [1e18, 1e19]
  found = search.run(config, tmp_path / 'run')
  assert [t.status for t in found] == ['failed']
  assert all('Diverged' in t.reason for t in found)


def test_a_candidate_starts_from_a_weights_file(tmp_path):
  arch = candidate.load_space(CONFIG).sample(np.random.default_rng(0))
  found = candidate.build(CONFIG, arch)
  shapes = rewrite.abstract_variables(found.net, (8, 8, 1))
  start = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.25), shapes)
  file = tmp_path / 'start.safetensors'
  file.write_bytes(weights.serialize(start))
  # Without steps of any size the weights stay what they were.
  config = _config(
    train__init=str(file), train__epochs=1, optim__weight_decay=0.0
  )
  arch |= {'optim.lr': 0.01}
  config['optim']['clip'] = 1e-12
  training.fit(config, arch, tmp_path / 'trained', lambda *_: None)
  params = weights.deserialize(
    (tmp_path / 'trained' / training.WEIGHTS).read_bytes()
  )['params']
  bias = params['classifier']['bias']
  assert np.abs(bias - 0.25).max() < 0.1


def test_a_missing_weights_file_to_start_from_is_one_line(tmp_path):
  arch = candidate.load_space(CONFIG).sample(np.random.default_rng(0))
  config = _config(train__init='nosuch.safetensors')
  with pytest.raises(errors.UserError, match=r'cannot read .*nosuch'):
    training.fit(config, arch, tmp_path, lambda *_: None)


def test_a_search_chooses_architecture_and_compression_together(tmp_path):
  config = _config(
    space_args__weights=[32],
    quant={'activations': 32},
    train__epochs=1,
    search__trials=2,
    search__objectives=['accuracy', 'size_bytes'],
  )
  config['compress'] = {
    'order': ['prune', 'quantize'],
    'prune': {'sparsity': {'oneof': [0.0, 0.75]}, 'thin': 0},
    'quantize': {'weights': {'oneof': [4, 8]}},
  }
  trials = search.run(config, tmp_path / 'run')
  seen = set()
  for trial in trials:
    assert trial.status == 'done', trial.reason
    file = training.folder(tmp_path / 'run', trial.id) / training.WEIGHTS
    assert file.stat().st_size == trial.footprint['size_bytes']
    seen |= {k for k in trial.arch if k.startswith('compress.')}
  assert seen == {'compress.prune.sparsity', 'compress.quantize.weights'}
  net = {k: v for k, v in trials[0].arch.items() if 'compress' not in k}
  arch = {'compress.prune.sparsity': 0.0, 'compress.quantize.weights': 8}
  measure = network_trials.problem(config).footprint
  sizes = [
    measure({**net, **arch, **change})['size_bytes']
    for change in (
      {},
      {'compress.quantize.weights': 4},
      {'compress.prune.sparsity': 0.75, 'compress.quantize.weights': 4},
    )
  ]
  assert sizes == sorted(set(sizes), reverse=True)
