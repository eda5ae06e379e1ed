"""Targets: found by name, file and batch; what they say of themselves."""

from flax import linen
import pytest

from effnas import errors, footprint, zoo
from effnas.footprint import network as network_lib
from effnas.footprint.latency import cost_model, device, roofline
from effnas.footprint.latency import target as target_lib

SHAPE = (224, 224, 3)


@pytest.fixture(scope='module')
def profile():
  net = zoo.load('mobilenet_v2').build()
  return network_lib.profiled(net, SHAPE, 128, 'float32')


def test_a_cost_model_comes_before_the_datasheet():
  assert target_lib.load('a100').model is cost_model.load('a100')
  assert target_lib.load('datasheet/a100').model is None
  assert target_lib.load('tpu_v5e').model is None
  assert target_lib.load('v100_gpt').device is device.load('v100')


def test_a_batch_of_its_own_counts_alone():
  net = zoo.load('mobilenet_v2').build()
  names = ['tpu_v3:128', 'tpu_v3:8', 'tpu_v3', 'tpu_v5e']
  found = footprint.measure(net, SHAPE, targets=names)
  large = footprint.measure(net, SHAPE, batch=128, targets=names)
  wanted = large['latency_ms@tpu_v3']
  assert found['latency_ms@tpu_v3:128'] == wanted
  assert found['latency_ms@tpu_v3'] == wanted  # as it was measured
  assert found['latency_ms@tpu_v3:8'] == large['latency_ms@tpu_v3:8'] < wanted
  assert found['latency_ms@tpu_v5e'] < large['latency_ms@tpu_v5e']
  assert found['macs'] == large['macs']


@pytest.mark.parametrize('name', ['tpu_v3:', 'tpu_v3:0', 'tpu_v3:many'])
def test_a_batch_is_a_number(name):
  with pytest.raises(errors.UserError, match=r'NAME:BATCH, e\.g\. tpu_v3:128'):
    target_lib.load(name)


def test_an_unknown_target_is_told_with_the_list():
  with pytest.raises(errors.UserError, match=r'known: .*a100.*tpu_v6e'):
    target_lib.load('abacus')


def test_a_file_is_a_target(tmp_path, profile):
  path = str(tmp_path / 'mine.json')
  cost_model.load('a100').save(path)
  ours, shipped = target_lib.load(path), target_lib.load('a100')
  assert ours.latency(profile) == pytest.approx(shipped.latency(profile), 1e-5)


def test_a_calibrated_latency_says_n_error_format_and_range(profile):
  shipped = target_lib.load('a100')
  said = shipped.said(profile)
  assert said.startswith('calibrated (n=601, error 0.5')
  assert said.endswith('), bfloat16, batch 128')
  tiny = network_lib.profiled(linen.Dense(10), (64,), 1, 'float32')
  assert shipped.said(tiny).endswith('outside of the measured range')


def test_bits_are_credited_where_there_is_a_fast_path(profile):
  def both(name, bits):
    found = target_lib.load(name)
    return found.latency(profile, bits), found.said(profile, bits)

  for name in ('a100', 'datasheet/a100'):
    plain, _ = both(name, None)
    narrow, said = both(name, lambda path: (8, 8))
    assert narrow < plain
    assert 'int8' in said
    scaled = ' (scaled from bfloat16)' if name == 'a100' else ''
    assert f', int8{scaled}, batch ' in said
    part, said = both(name, lambda path: (8, 8) if 'block' in path else None)
    assert narrow < part < plain
    assert 'bfloat16 and int8' in said
  for name in ('tpu_v3', 'datasheet/tpu_v3'):
    plain, said = both(name, None)
    assert both(name, lambda path: (4, 4)) == (plain, said)


def test_the_roofline_is_that_of_the_whole_program(profile):
  on = device.load('tpu_v5e')
  listed = [w for _, w in _works(profile)]
  assert target_lib.load('tpu_v5e').latency(profile) == pytest.approx(
    roofline.latency(listed, on)
  )


def _works(profile):
  for w in profile.own.work:
    yield '', w
  for at, link in profile.links:
    for path, w in _works(link):
      yield f'{at}/{path}', w
