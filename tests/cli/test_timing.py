"""`effnas footprint --measure`: what ran here, at each batch size."""

import json

import jax
import numpy as np
import pytest

from effnas import quant, zoo
from effnas.footprint import measured, weights
from effnas.nn import rewrite

QUICK = ('--measure', '--seconds=0.02')
TINY = ('tiny_cli:network', '--input=8,8,1')


def _measured(effnas, *argv):
  result = effnas('footprint', *argv, '--format=json')
  assert result.code == 0, result.err
  return json.loads(result.out)['measured']


def test_batches_are_rows(effnas):
  found = _measured(effnas, *TINY, *QUICK, '--batches=1,8,64,8')
  assert [one['batch'] for one in found] == [1, 8, 64]
  for one in found:
    assert 0 < one['p5_ms'] <= one['median_ms'] <= one['p95_ms']
    assert one['throughput'] == 1000 * one['batch'] / one['median_ms']
    n = one['repetitions']
    assert n >= 10
    assert one['source'] == f'measured (n={n}), float32, batch {one["batch"]}'


def test_one_batch_is_that_of_everything(effnas):
  (one,) = _measured(effnas, *TINY, *QUICK)
  (four,) = _measured(effnas, *TINY, *QUICK, '--batch=4')
  assert (one['batch'], four['batch']) == (1, 4)


def test_what_the_device_does_not_tell_is_a_dash(effnas, monkeypatch):
  def here(net, shape, batch, **_):
    return measured.Measured(
      2.0, 1.0, 3.0, 11, True, 'cpu', 'cpu', batch=batch, float_format='float32'
    )

  monkeypatch.setattr(measured, 'time_network', here)
  out = effnas('footprint', *TINY, '--measure', '--batches=1,4').out
  lines = [line.split() for line in out.splitlines()]
  source = ['measured', '(n=11),', 'float32,', 'batch', '1']
  assert ['latency', 'here', '(cpu)', '2.00', 'ms', *source] in lines
  ends = [w for w in lines if w[-2:] == ['-', '-']]
  assert [w[0] for w in ends] == ['1', '4']
  assert ends[1][1:9] == [
    '1.00',
    'ms',
    '2.00',
    'ms',
    '3.00',
    'ms',
    '2.00',
    'k/s',
  ]


@pytest.mark.parametrize('bits', [8, 4])
def test_the_converted_network_is_timed(effnas, monkeypatch, bits):
  given = {}
  time_network = measured.time_network

  def watched(net, *args, **kwargs):
    given.update(net=net, **kwargs)
    return time_network(net, *args, **kwargs)

  monkeypatch.setattr(measured, 'time_network', watched)
  flags = (f'--weights={bits}', f'--activations={bits}')
  (one,) = _measured(effnas, *TINY, *QUICK, *flags)
  assert 'converted to int' in one['source']
  assert f'int{bits}' in one['source']
  (rule,) = given['net'].rules
  assert isinstance(rule, quant.Serve)
  assert rule.weights == bits
  kernel = given['variables']['params']['Dense_0']['kernel']
  assert kernel.dtype == 'int8'
  assert abs(kernel).max() == 2 ** (bits - 1) - 1
  assert 'quant' in given['variables']


@pytest.mark.parametrize('kind', ['float', 'integer', 'to convert'])
def test_weights_of_a_file_run(effnas, tmp_path, monkeypatch, kind):
  bits = ('--weights=8', '--activations=8') if kind != 'float' else ()
  network = zoo.load('survey_cnn_025')
  rules = quant.rules(8) if kind == 'integer' else ()
  net = rewrite.Rewritten(network.build(), rules)
  shapes = rewrite.abstract_variables(net, network.input_shape)
  variables = jax.tree.map(lambda a: np.ones(a.shape, a.dtype), shapes)
  if kind == 'integer':
    variables = quant.convert(net, variables, network.input_shape)[1]
  file = tmp_path / 'w.safetensors'
  file.write_bytes(weights.serialize(variables))
  given = {}

  def watched(net, *args, variables, **_):
    given.update(net=net, variables=variables)
    return measured.Measured(2.0, 1.0, 3.0, 11, True, 'cpu', 'cpu')

  monkeypatch.setattr(measured, 'time_network', watched)
  argv = ('survey_cnn_025', '--measure', f'--init={file}', *bits)
  (one,) = _measured(effnas, *argv)
  assert ('converted to int8' in one['source']) == bool(bits)
  params = given['variables']['params']
  assert params['hidden']['kernel'].dtype == ('int8' if bits else 'float32')
  if kind != 'to convert':
    assert (params['hidden']['bias'] == 1).all()
    return
  # Of a float file under rules the shapes are known; what runs is drawn.
  x = np.ones((1, *network.input_shape), np.float32)
  logits = given['net'].apply(given['variables'], x)
  assert 0 < abs(logits).max() < 1e3


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    (('--batches=1,8',), '--batches goes with --measure'),
    (('--seconds=1',), '--seconds goes with --measure'),
    (('--measure', '--batches=1,x'), "e.g. 1,8,64; got 'x'"),
    (('--measure', '--batches=0'), "above 0, e.g. 1,8,64; got '0'"),
    (('--measure', '--seconds=0'), '--seconds=0'),
    (('--measure', '--archs=x.csv'), '--measure does not go with --archs'),
  ],
)
def test_bad_input_is_one_line(effnas, argv, expected):
  assert expected in effnas('footprint', *TINY, *argv).said
