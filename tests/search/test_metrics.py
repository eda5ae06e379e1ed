import math

import pytest

from effnas import errors
from effnas.search import metrics, proxies


@pytest.mark.parametrize(
  ('name', 'maximize', 'footprint', 'target'),
  [
    ('accuracy', True, False, None),
    ('f1', True, False, None),
    ('loss', False, False, None),
    ('test_accuracy', True, False, None),
    ('size_bytes', False, True, None),
    ('peak_memory_bytes', False, True, None),
    ('latency_ms@tpu_v5e', False, True, 'tpu_v5e'),
    ('throughput@tpu_v3:128', True, True, 'tpu_v3:128'),
    ('peak_memory_bytes@tpu_v5e', False, True, 'tpu_v5e'),
    ('latency_ms@boards/mine.json:8', False, True, 'boards/mine.json:8'),
    ('train_step_memory', False, True, None),
    ('train_macs', False, True, None),
    ('train_step_ms@a100', False, True, 'a100'),
    ('accelerator_hours@a100', False, True, 'a100'),
    ('proxy_synflow', True, False, None),
  ],
)
def test_the_name_says_direction_kind_and_target(
  name, maximize, footprint, target
):
  found = metrics.parse(name)
  assert (found.maximize, found.footprint) == (maximize, footprint)
  assert found.target == target
  assert found.test == name.startswith('test_')


@pytest.mark.parametrize(
  ('name', 'said'),
  [
    ('acuracy', "did you mean 'accuracy'"),
    ('proxy_synflw', "did you mean 'proxy_synflow'"),
    ('proxy_synflow@a100', "did you mean 'proxy_synflow'"),
    ('sise_bytes', "did you mean 'size_bytes'"),
    ('test_params', 'unknown metric'),
    ('latency_ms', 'latency_ms@TARGET'),
    ('latency_ms@', 'latency_ms@TARGET'),
    ('params@tpu_v5e', "write 'params'"),
    ('train_macs@tpu_v5e', "write 'train_macs'"),
    ('throughput', 'throughput@TARGET, e.g. throughput@tpu_v5e'),
    ('peak_memory_bytes@', 'peak_memory_bytes@TARGET'),
    ('latency@tpu_v5e', "did you mean 'latency_ms@tpu_v5e'"),
    ('train_step_ms@a100:8', "write 'train_step_ms@a100', not 'train_step_ms@"),
  ],
)
def test_a_wrong_name_is_told_what_would_work(name, said):
  with pytest.raises(errors.UserError, match=said):
    metrics.parse(name)


@pytest.mark.parametrize(
  ('name', 'batch'),
  [
    ('latency_ms@tpu_v3:128', 128),
    ('latency_ms@boards/mine.json:8', 8),
    ('latency_ms@tpu_v3', None),
    ('latency_ms@board:a', None),
    ('latency_ms@board:8/mine.json', None),
    ('macs', None),
  ],
)
def test_the_batch_that_a_target_names(name, batch):
  assert metrics.parse(name).batch == batch


def test_what_is_a_cost_of_training():
  assert metrics.parse('train_macs').training
  assert metrics.parse('train_step_ms@a100').training
  assert not metrics.parse('throughput@a100').training


def test_every_proxy_is_a_metric():
  for name in proxies.names():
    assert metrics.parse(f'proxy_{name}').proxy == name
  assert metrics.parse('params').proxy is None


def test_proxies_and_training_do_not_go_together():
  assert metrics.untrained(['params', 'proxy_params'])
  assert not metrics.untrained(['params', 'size_bytes'])
  with pytest.raises(errors.UserError, match='and loss needs it'):
    metrics.untrained(['proxy_synflow', 'params', 'loss'])


@pytest.mark.parametrize(
  ('name', 'can', 'cannot'),
  [
    ('accuracy', (0, 0.5, 1), (-1, 1.01, 101, math.inf, math.nan)),
    ('test_top5', (0, 1), (-0.1, 3.5)),
    ('loss', (-1, 0, 1e9), (math.inf, -math.inf, math.nan)),
    ('params', (0, 1e12), (-1, math.inf)),
    ('latency_ms@tpu_v5e', (0, 2.5), (-1, math.nan)),
    ('throughput@tpu_v5e', (1e6,), (-1, math.inf)),
    ('proxy_naswot', (-1e9, 1e9), (math.nan,)),
  ],
)
def test_a_metric_knows_the_values_that_it_can_have(name, can, cannot):
  assert not any(metrics.flaw(name, value) for value in can)
  assert all(metrics.flaw(name, value) for value in cannot)


def test_a_range_is_told_in_words():
  assert metrics.parse('accuracy').range == 'from 0 to 1'
  assert metrics.parse('macs').range == 'a finite number of at least 0'
  assert metrics.parse('loss').range == 'a finite number'
