import pytest

from effnas import errors
from effnas.search import metrics


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
    ('sise_bytes', "did you mean 'size_bytes'"),
    ('test_params', 'unknown metric'),
    ('latency_ms', 'latency_ms@TARGET'),
    ('latency_ms@', 'latency_ms@TARGET'),
    ('params@tpu_v5e', "write 'params'"),
  ],
)
def test_a_wrong_name_is_told_what_would_work(name, said):
  with pytest.raises(errors.UserError, match=said):
    metrics.parse(name)
