import json

import pytest


@pytest.fixture
def compress(effnas, tmp_path):
  def run(*argv, config='tiny.py:compress'):
    return effnas(
      'compress', f'--config={config}', f'--workdir={tmp_path}/run', *argv
    )

  return run


def test_a_row_for_each_step_and_a_file_for_each_row(compress, tmp_path):
  result = compress('--format=json')
  assert result.code == 0, result.err
  found = json.loads(result.out)
  assert [row['step'] for row in found['rows']] == [
    'start',
    'prune',
    'quantize',
  ]
  assert found['rows'][1]['settings'] == {'sparsity': 0.5, 'thin': 0}
  for i, row in enumerate(found['rows']):
    file = tmp_path / 'run' / 'steps' / f'{i}_{row["step"]}.safetensors'
    assert file.stat().st_size == row['footprint']['size_bytes']
  last = (tmp_path / 'run' / 'weights.safetensors').read_bytes()
  assert last == file.read_bytes()
  assert 0 <= found['test']['accuracy'] <= 1
  # Again: it is done; the table has a row for each step, too.
  again = compress()
  assert 'nothing to do' in again.err
  for word in ('start', 'sparsity=0.5', 'weights=4', 'times smaller'):
    assert word in again.out
  said = compress('--config.compress.prune.sparsity=0.9').said
  assert 'compress.prune.sparsity: 0.5 (workdir) != 0.9 (now)' in said


def test_a_trained_network_is_not_trained_again(compress, effnas, tmp_path):
  trained = tmp_path / 'trained'
  argv = ('--config=tiny.py:compress', f'--workdir={trained}')
  # `train` would take the steps, too.
  result = effnas('train', *argv, '--config.compress.order=()')
  assert result.code == 0, result.err
  given = f'--trained={trained}/weights.safetensors'
  result = compress(given, '--format=json')
  assert result.code == 0, result.err
  first = json.loads(result.out)['rows'][0]['quality']
  metrics = json.loads((trained / 'metrics.json').read_text())
  assert first == metrics['valid']
  assert 'epoch' not in result.err


@pytest.mark.parametrize(
  ('change', 'expected'),
  [
    ('--config.compress.order=()', 'the config names no step'),
    ("--config.compress.order=('quantize', 'prune')", 'prune makes no sense'),
    ("--config.compress.order=('prume',)", "did you mean 'prune'"),
    ('--config.compress.prune.sparsity=1.5', 'less than 1; got 1.5'),
    ("--config.compress.prune={'sparsty': 1}", "did you mean 'sparsity'"),
    ('--config.compress.quantize.weights=9', '1 to 8 bits'),
    ('--config.quant.weights=8', 'a network is quantized once'),
    ('--trained=none.safetensors', 'cannot read the weights none'),
  ],
)
def test_bad_input_is_one_line(compress, change, expected):
  assert expected in compress(change).said


def test_a_plain_config_names_no_step(compress):
  assert 'names no step' in compress(config='tiny.py').said
