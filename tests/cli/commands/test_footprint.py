import json
import pathlib
import re

import jax
import numpy as np
import pytest

from effnas import footprint as footprint_lib
from effnas import quant, zoo
from effnas.cli import config as config_lib
from effnas.footprint import weights
from effnas.footprint.latency import target
from effnas.nn import rewrite
from effnas.search.networks import candidate


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
  told = found['sources']
  assert told['latency_ms@tpu_v5e'] == 'datasheet, bfloat16, batch 8'
  assert told['latency_ms@a100'].startswith('calibrated (n=601, error ')
  assert (found['input'], found['batch']) == ([32, 32, 3], 8)


def test_the_table_names_each_source(effnas):
  out = effnas('footprint', 'survey_cnn_025', '--target=h100').out
  assert 'latency on h100' in out
  assert 'datasheet' in out
  assert '98,250' in out


_UNCOUNTED = """
from flax import linen
import jax.numpy as jnp

class Net(linen.Module):
  @linen.compact
  def __call__(self, x):
    return jnp.abs(jnp.fft.fft(linen.Dense(4)(x)))

def network():
  return Net()
"""


def test_what_is_not_counted_marks_the_figures(effnas, project):
  (project / 'uncounted_cli.py').write_text(_UNCOUNTED)
  argv = (
    'footprint',
    'uncounted_cli:network',
    '--input=3',
    '--training={"batch": 2}',
  )
  result = effnas(*argv)
  assert result.code == 0, result.err
  for row in ('MACs', 'latency on tpu_v5e', 'MACs of a training step'):
    (line,) = (x for x in result.out.splitlines() if x.startswith(f'{row}  '))
    assert ' at least ' in line
    assert 'a lower bound without all of ' in line
  for row in ('parameters', 'peak memory', 'memory of a training step'):
    (line,) = (x for x in result.out.splitlines() if x.startswith(f'{row}  '))
    assert 'at least' not in line
  assert 'MACs and latency are lower bounds: fft at ' in result.err
  found = json.loads(effnas(*argv, '--format=json').out)
  assert found['metrics']['macs'] == 12
  assert 'a lower bound' in found['sources']['macs']


def test_bits_make_it_smaller(effnas):
  float_ = _json(effnas, 'survey_cnn_025')['metrics']
  int8 = _json(effnas, 'survey_cnn_025', '--weights=8', '--activations=8')
  assert int8['metrics']['macs'] == float_['macs']
  assert 3 < float_['size_bytes'] / int8['metrics']['size_bytes'] < 4


def test_all_targets(effnas):
  found = _json(effnas, 'survey_cnn_025', '--target=all')['metrics']
  shown = {m.partition('@')[2] for m in found if '@' in m}
  assert shown == set(target.names())


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


@pytest.fixture(scope='module')
def drawn():
  """survey_cnn_025 with weights, by their kind."""
  network = zoo.load('survey_cnn_025')
  net = rewrite.Rewritten(network.build(), quant.rules(8))
  shapes = rewrite.abstract_variables(net, network.input_shape)
  float_ = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes)
  integer = quant.convert(net, float_, network.input_shape)[1]
  half = jax.tree.map(lambda leaf: leaf.astype(np.float16), float_)
  return {'float': float_, 'integer': integer, 'half': half}


@pytest.mark.parametrize(
  ('kind', 'bits'),
  [
    ('float', ()),
    ('half', ()),
    ('integer', ('--weights=8', '--activations=8')),
  ],
)
def test_with_a_weights_file_the_size_is_the_file_s(
  effnas, drawn, tmp_path, kind, bits
):
  file = tmp_path / 'w.safetensors'
  file.write_bytes(weights.serialize(drawn[kind]))
  plain = _json(effnas, 'survey_cnn_025', *bits)
  found = _json(effnas, 'survey_cnn_025', *bits, f'--init={file}')
  assert found['metrics']['size_bytes'] == file.stat().st_size
  plain['metrics']['size_bytes'] = file.stat().st_size
  assert found['metrics'] == plain['metrics']
  assert found['network'] == f'survey_cnn_025, weights of {file}'


def test_float_weights_under_bits_are_converted(effnas, drawn, tmp_path):
  file = tmp_path / 'w.safetensors'
  file.write_bytes(weights.serialize(drawn['float']))
  found = _json(effnas, 'survey_cnn_025', '--weights=8', f'--init={file}')
  size = weights.size_bytes(drawn['integer'])
  assert found['metrics']['size_bytes'] == size


def test_arguments_and_weights_of_an_arch(effnas, tmp_path):
  few = '--args={"classes": 3}'
  arch = '--arch={"model.features": 8, "model.act": "relu", "optim.lr": 0.002}'
  params = {
    'Dense_0': {'kernel': np.ones((64, 8)), 'bias': np.ones(8)},
    'Dense_1': {'kernel': np.ones((8, 3)), 'bias': np.ones(3)},
  }
  file = tmp_path / 'w.safetensors'
  file.write_bytes(weights.serialize({'params': params}))
  argv = ('tiny_cli:space', arch, '--input=8,8,1', f'--init={file}')
  found = _json(effnas, *argv, few)
  assert found['metrics']['size_bytes'] == file.stat().st_size
  assert found['metrics']['params'] == 65 * 8 + 9 * 3
  said = effnas('footprint', *argv).said
  assert 'params/Dense_1/bias is (3,), where the network has (10,)' in said
  published = _json(effnas, 'survey_cnn_025', few)['metrics']['params']
  assert published == 98_250 - 7 * 129


def test_a_trial_s_integers_fit_its_config(effnas, tmp_path):
  arch = {'model.features': 8, 'model.act': 'silu', 'optim.lr': 0.002}
  net = candidate.build(config_lib.load('tiny.py', []), arch).net
  shapes = rewrite.abstract_variables(net, (8, 8, 1))
  trained = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes)
  integer = quant.convert(net, trained, (8, 8, 1))[1]
  kernels = [integer['params'][f'Dense_{i}']['kernel'].dtype for i in (0, 1)]
  assert kernels == ['int4', 'int8']
  file = tmp_path / 'weights.safetensors'
  file.write_bytes(weights.serialize(integer))
  argv = ('--config=tiny.py', f'--arch={json.dumps(arch)}')
  found = _json(effnas, *argv, f'--init={file}')['metrics']
  assert found == _json(effnas, *argv)['metrics']
  assert found['size_bytes'] == file.stat().st_size
  more = '--config.quant.weights=4'
  said = effnas('footprint', *argv, f'--init={file}', more).said
  assert 'Dense_1/kernel is int8, where the network has int4' in said


@pytest.mark.parametrize(
  ('change', 'expected'),
  [
    (lambda v: v['params'].pop('hidden'), 'it lacks params/hidden/'),
    (
      lambda v: v['params'].update(more={'bias': np.ones(2)}),
      'no place for params/more/bias',
    ),
    (
      lambda v: v['params']['hidden'].update(bias=np.ones(128, np.int8)),
      'params/hidden/bias is int8, where the network has float32',
    ),
    (
      lambda v: (v.update(v.pop('params')), v.pop('batch_stats')),
      'it holds none of its arrays',
    ),
  ],
)
def test_weights_that_do_not_fit_are_named(
  effnas, drawn, tmp_path, change, expected
):
  variables = jax.tree.map(lambda leaf: leaf, drawn['float'])
  change(variables)
  file = tmp_path / 'w.safetensors'
  file.write_bytes(weights.serialize(variables))
  said = effnas('footprint', 'survey_cnn_025', f'--init={file}').said
  assert f'{file} does not fit survey_cnn_025: ' in said
  assert expected in said


def test_integers_need_their_bits(effnas, drawn, tmp_path):
  file = tmp_path / 'w.safetensors'
  file.write_bytes(weights.serialize(drawn['integer']))
  said = effnas('footprint', 'survey_cnn_025', f'--init={file}').said
  assert 'is int8, where the network has float32; the bits of a' in said
  argv = ('survey_cnn_025', '--weights=4', f'--init={file}')
  assert (
    'is int8, where the network has int4' in effnas('footprint', *argv).said
  )


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
    (('mobilenet_v2', '--weights=9'), '1 to 8 bits'),
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
    (('mobilenet_v2', '--args={"clases": 3}'), "'clases'"),
    (
      ('survey_cnn_025', '--init=nowhere.st'),
      'cannot read the weights nowhere.st: No such file',
    ),
    (('survey_cnn_025', '--init=tiny.py'), 'not a weights file'),
    (('tiny_cli:space', '--trial=1'), '--search=WORKDIR and --trial=N'),
    (('--config=tiny.py', '--weights=8'), 'does not go with --config'),
  ],
)
def test_bad_input_is_one_line(effnas, argv, expected):
  assert expected in effnas('footprint', *argv).said


def test_a_name_of_both_is_a_space_where_an_arch_is_given(effnas, tmp_path):
  arch = effnas('space', 'mobilenet_v2', 'sample', '--n=1').out.strip()
  file = tmp_path / 'arch.json'
  file.write_text(arch)
  result = effnas('footprint', 'mobilenet_v2', f'--arch={file}')
  assert result.code == 0, result.err
  assert 'the given arch' in result.out


def test_the_heading_tells_of_rows_at_other_batches(effnas):
  argv = ('footprint', 'survey_cnn_005')
  out = effnas(*argv, '--target=rtx3090,a100').out
  head = out.splitlines()[0]
  batches = set(re.findall(r'batch (\d+)', out.partition('\n')[2]))
  assert batches - {'1'}
  assert head.endswith('batch 1 where a row says no other')
  assert (
    effnas(*argv, '--target=tpu_v5p', '--batch=2')
    .out.splitlines()[0]
    .endswith('batch 2')
  )


def test_a_network_that_cannot_be_traced_is_one_line(effnas, monkeypatch):
  searches = pathlib.Path(__file__).parents[2] / 'search'
  monkeypatch.syspath_prepend(searches)
  argv = ('--input=8,8,1', '--args={"windows": [8, 16]}')
  argv += ('--arch={"model.window": 16}',)
  said = effnas('footprint', 'pooled:space', *argv).said
  assert 'does not take an input of (8, 8, 1): a window of (16, 16)' in said
