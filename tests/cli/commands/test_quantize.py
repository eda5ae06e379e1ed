import csv
import json

import pytest

from effnas.footprint import weights

_FLOAT = ('--config.quant.weights=32', '--config.quant.patterns=None')


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
  return tmp_path_factory.mktemp('runs')


@pytest.fixture
def trained(effnas, runs):
  """A float network, trained once."""
  folder = runs / 'float'
  if not folder.exists():
    argv = ('--config=tiny.py:long', f'--workdir={folder}', *_FLOAT)
    result = effnas('train', *argv, '--config.data.limit=400')
    assert result.code == 0, result.err
  return folder


@pytest.fixture
def quantize(effnas):
  def run(*argv):
    return effnas('quantize', *argv)

  return run


def _json(result):
  assert result.code == 0, result.err
  return json.loads(result.out)


def test_a_row_for_each_width(quantize, trained, tmp_path):
  argv = (f'--workdir={trained}', '--weights=8,2', '--target=tpu_v5e')
  found = _json(quantize(*argv, '--format=json'))
  float_, int8, int2 = found['networks']
  assert [row['name'] for row in found['networks']] == [
    'float',
    '8 bits',
    '2 bits',
  ]
  metrics = json.loads((trained / 'metrics.json').read_text())
  assert float_['accuracy'] == metrics['valid']['accuracy']
  sizes = [row['costs']['size_bytes'] for row in found['networks']]
  assert sizes == sorted(sizes, reverse=True)
  assert sizes[0] == (trained / 'weights.safetensors').stat().st_size
  assert abs(int8['loss'] - float_['loss']) < abs(int2['loss'] - float_['loss'])
  assert 'int8' in int8['sources']['latency_ms@tpu_v5e']
  table = quantize(*argv).out
  assert f'{int8["accuracy"]:.4f}' in table
  assert 'latency on tpu_v5e' in table
  # One width, written: the file is of the size that the table tells.
  out = tmp_path / 'int8.safetensors'
  result = quantize(f'--workdir={trained}', f'--out={out}')
  assert result.code == 0, result.err
  assert f'wrote {out}' in result.err
  assert out.stat().st_size == int8['costs']['size_bytes']
  kernel = weights.deserialize(out.read_bytes())['params']['Dense_0']['kernel']
  assert kernel.dtype == 'int8'


def test_sensitivity_is_told_written_and_drawn(quantize, trained):
  argv = (f'--workdir={trained}', '--sensitivity', '--weights=8,2')
  result = quantize(*argv, '--limit=40')
  assert result.code == 0, result.err
  lines = result.out.splitlines()
  assert 'on 40 validation examples' in lines[0]
  (dense,) = [line for line in lines if line.startswith('Dense_0')]
  with (trained / 'sensitivity.csv').open() as file:
    rows = [r for r in csv.DictReader(file) if r['layer'] == 'Dense_0']
  told = [f'{float(row["increase"]):+.4f}' for row in rows]
  assert dense.split()[-2:] == told
  assert (trained / 'sensitivity.png').read_bytes()[:4] == b'\x89PNG'
  found = _json(quantize(*argv, '--limit=40', '--format=json'))
  assert found['sensitivity']['examples'] == 40
  assert len(found['files']) == 2


def test_a_budget_gives_a_section_to_paste(quantize, trained, effnas, tmp_path):
  argv = (f'--workdir={trained}', '--weights=8,4', '--target=')
  found = _json(quantize(*argv[:2], '--format=json'))
  sizes = [row['costs']['size_bytes'] for row in found['networks']]
  budget = (sizes[1] + sizes[2]) // 2
  out = tmp_path / 'mixed.safetensors'
  argv = (*argv, f'--budget=size_bytes={budget}', f'--out={out}')
  found = _json(quantize(*argv, '--format=json', '--evaluate=1'))
  *_, mixed = found['networks']
  assert (mixed['name'], mixed['fits']) == ('mixed 1', True)
  assert out.stat().st_size == mixed['costs']['size_bytes'] <= budget
  assert found['budget'] == {'size_bytes': budget}
  assert sorted(mixed['weights'].values()) == [4, 8]
  shown = quantize(*argv, '--evaluate=1').out
  assert "'quant': {" in shown
  # The section makes the written file readable elsewhere.
  quant = found['quant']
  overrides = [
    f'--config.quant.weights={quant["weights"]}',
    *(f'--config.quant.patterns.{p}={w}' for p, w in quant['patterns'].items()),
  ]
  config = trained / 'config.json'
  held = json.loads(config.read_text())
  held['quant']['patterns'] = dict(quant['patterns'])
  section = tmp_path / 'config.json'
  section.write_text(json.dumps(held))
  told = effnas(
    'footprint',
    f'--config={section}',
    *overrides,
    f'--arch={json.dumps(held["arch"])}',
    f'--init={out}',
    '--format=json',
  )
  assert _json(told)['metrics']['size_bytes'] == out.stat().st_size


def test_a_trial_of_a_search(quantize, effnas, runs):
  folder = runs / 'search'
  argv = ('--config=tiny.py', f'--workdir={folder}', *_FLOAT)
  assert effnas('search', *argv, '--config.search.trials=1').code == 0
  found = _json(quantize(f'--workdir={folder}', '--trial=0', '--format=json'))
  assert found['weights_file'].endswith('0/weights.safetensors')
  assert 'say which network: --trial=N' in quantize(f'--workdir={folder}').err
  assert 'has the trials 0 to 0' in (
    quantize(f'--workdir={folder}', '--trial=4').err
  )


def test_a_config_with_a_weights_file(quantize, trained):
  file = trained / 'weights.safetensors'
  arch = json.loads((trained / 'config.json').read_text())['arch']
  argv = ('--config=tiny.py', '--config.data.limit=400')
  argv += (f'--init={file}', f'--arch={json.dumps(arch)}', '--format=json')
  one = _json(quantize(*argv))
  other = _json(quantize(f'--workdir={trained}', '--format=json'))
  assert one['networks'] == other['networks']
  arch['model.features'] = 12 - arch['model.features']
  argv = argv[:3] + (f'--arch={json.dumps(arch)}',)
  assert 'does not fit tiny_cli:space' in quantize(*argv).err


def test_an_integer_network_is_refused_in_a_line(quantize, trained, tmp_path):
  out = tmp_path / 'int4.safetensors'
  quantize(f'--workdir={trained}', f'--out={out}', '--weights=4')
  arch = json.dumps(json.loads((trained / 'config.json').read_text())['arch'])
  argv = ('--config=tiny.py', f'--init={out}', f'--arch={arch}')
  said = quantize(*argv).said
  assert 'is an integer network already (Dense_0 is int4)' in said
  assert '--config.quant.weights=32' in said


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    ((), 'quantize needs a trained network: either --workdir=RUN'),
    (('--workdir=a', '--config=tiny.py'), 'needs a trained network'),
    (('--config=tiny.py',), 'quantize needs --init'),
    (('--workdir=nowhere',), 'cannot read the config nowhere/config.json'),
    (('--workdir=a', '--arch={}'), '--arch does not go with --workdir'),
    (('--workdir=a', '--weights=9'), "bits from 1 to 8, e.g. 8,4; got '9'"),
    (('--workdir=a', '--weights=x'), "got 'x'"),
    (('--workdir=a', '--budget=size_bytes'), 'METRIC=BOUND, e.g. size_bytes'),
    (('--workdir=a', '--budget=size_bytes=-3'), "got 'size_bytes=-3'"),
    (('--workdir=a', '--weights=8,4', '--out=b'), '--out takes one network'),
    (('word',), "unexpected argument 'word'"),
  ],
)
def test_bad_words_are_one_line(quantize, argv, expected):
  assert expected in quantize(*argv).said


def test_a_budget_that_nothing_meets_says_the_least(quantize, trained):
  result = quantize(f'--workdir={trained}', '--budget=size_bytes=10')
  assert result.code == 2
  assert 'the smallest one that 8, 4, 3, 2 bits allow takes' in result.err
  for budget, said in (
    ('size=10', "unknown budget 'size'; known: latency_ms@TARGET, size_bytes"),
    ('latency_ms@tpu=1', "unknown target 'tpu'"),
  ):
    assert said in quantize(f'--workdir={trained}', f'--budget={budget}').err
