import json

import pytest

from effnas import footprint as footprint_lib
from effnas import zoo
from effnas.footprint import device


def _json(effnas, *argv):
  result = effnas('footprint', *argv, '--format=json')
  assert result.code == 0, result.err
  return json.loads(result.out)


def test_a_published_network_is_the_library_s(effnas):
  found = _json(effnas, 'survey_cnn_025', '--target=tpu_v5e,a100', '--batch=8')
  network = zoo.load('survey_cnn_025')
  assert found['metrics'] == footprint_lib.measure(
    network.build(),
    network.input_shape,
    batch=8,
    targets=['tpu_v5e', 'a100'],
  )
  assert found['sources'].keys() == found['metrics'].keys()
  assert found['sources']['latency_ms@a100'] == 'datasheet'
  assert (found['input'], found['batch']) == ([32, 32, 3], 8)


def test_the_table_names_each_source(effnas):
  out = effnas('footprint', 'survey_cnn_025', '--target=a100').out
  assert 'latency on a100' in out
  assert 'datasheet' in out
  assert '98,250' in out


def test_bits_make_it_smaller(effnas):
  float_ = _json(effnas, 'survey_cnn_025')['metrics']
  int8 = _json(effnas, 'survey_cnn_025', '--weights=8', '--activations=8')
  assert int8['metrics']['macs'] == float_['macs']
  assert 3 < float_['size_bytes'] / int8['metrics']['size_bytes'] < 4


def test_all_targets(effnas):
  found = _json(effnas, 'survey_cnn_025', '--target=all')['metrics']
  targets = {m.partition('@')[2] for m in found if '@' in m}
  assert targets == set(device.names())


def test_a_network_of_one_s_own(effnas):
  found = _json(
    effnas,
    'tiny_cli:network',
    '--input=8,8,1',
    '--args={"classes": 3}',
    '--layers',
  )
  assert found['metrics']['params'] == 65 * 4 + 5 * 3
  assert sum(row['params'] for row in found['layers']) == 65 * 4 + 5 * 3


def test_an_arch_of_a_space(effnas, tmp_path):
  arch = {'model.features': 8, 'model.act': 'silu', 'optim.lr': 0.002}
  file = tmp_path / 'arch.json'
  file.write_text(json.dumps(arch))
  here = _json(effnas, 'tiny_cli:space', f'--arch={file}', '--input=8,8,1')
  assert here['metrics']['params'] == 65 * 8 + 9 * 10
  config = _json(effnas, '--config=tiny.py', f'--arch={json.dumps(arch)}')
  assert config['metrics']['params'] == here['metrics']['params']
  # The config's bits: 4 for one layer, 8 for the other.
  assert config['metrics']['size_bytes'] < here['metrics']['size_bytes']


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    ((), 'footprint needs a network'),
    (('mobilenet_v22',), "unknown network 'mobilenet_v22'; did you mean"),
    (
      ('mobilenet_v2', '--target=tpu_v5'),
      "unknown target 'tpu_v5'; did you mean",
    ),
    (('mobilenet_v2', '--batch=0'), 'batch 0'),
    (('mobilenet_v2', '--weights=9'), 'bits are 2 to 8'),
    (('mobilenet_v2', '--input=a,b'), '--input takes whole numbers'),
    (('mobilenet_v2', '--input=224'), 'does not take an input of (224,)'),
    (('tiny_cli:network',), 'add --input'),
    (('tiny_cli:network', '--args=[]'), '--args'),
    (('tiny_cli:network', '--args={"clases": 3}'), "'clases'; did you mean"),
    (('tiny_cli:netwrk',), "'netwrk'; did you mean 'network'"),
    (('nowhere_at_all:network',), "unknown module 'nowhere_at_all'"),
    (('tiny_cli:space', '--arch={"a": 1}', '--input=8,8,1'), "choice 'a'"),
    (('tiny_cli:space', '--arch=nowhere.json'), 'No such file'),
    (('tiny_cli:space', '--arch={'), 'is no JSON'),
    (('tiny_cli:space', '--trial=1'), '--search=WORKDIR and --trial=N'),
    (('--config=tiny.py', '--weights=8'), 'does not go with --config'),
  ],
)
def test_bad_input_is_one_line(effnas, argv, expected):
  assert expected in effnas('footprint', *argv).said
