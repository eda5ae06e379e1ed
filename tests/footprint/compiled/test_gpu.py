"""One contract for every described GPU, and the text that XLA reads."""

import re

import pytest

from effnas.footprint.compiled import gpu
from effnas.footprint.latency import device


@pytest.mark.parametrize('name', gpu.names())
def test_contract(name):
  found = gpu.read(name)
  assert found.pop('name') == name
  assert set(found) == {
    'compute_capability', 'multiprocessors', 'clock_ghz', 'l2_bytes'
  }  # fmt: skip
  for value in found.values():
    assert set(value) == {'value', 'source'}
    assert re.search(r'\w{3,}.*https://\S+', value['source'])
  assert 10 < found['multiprocessors']['value'] < 200
  assert 1 < found['clock_ghz']['value'] < 3
  assert 2**22 <= found['l2_bytes']['value'] < 2**27


def test_every_gpu_with_a_device_file_is_described():
  gpus = {n for n in device.names() if device.load(n).kind == 'gpu'}
  assert gpus <= set(gpu.names())


def test_the_text_of_an_a100():
  # The values of OpenXLA's own description of it; memory and bandwidth are
  # those of the device file.
  fields = dict(re.findall(r'(\w+): (\S+)', gpu.config('a100')))
  assert fields['shared_memory_per_core'] == '167936'
  assert fields['shared_memory_per_block_optin'] == '166912'
  assert fields['threads_per_core_limit'] == '2048'
  assert fields['core_count'] == '108'
  assert fields['fpus_per_core'] == '64'
  assert fields['l2_cache_size'] == '41943040'
  assert fields['clock_rate_ghz'] == '1.41'
  assert fields['block_dim_limit_x'] == '2147483647'
  assert fields['device_memory_size'] == '80000000000'
  assert fields['platform_name'] == '"CUDA"'
  assert 'feature_extension' not in fields


def test_hopper_has_its_own_instructions_and_a_word_has_no_quotes():
  text = gpu.config('h100')
  assert 'feature_extension: ACCELERATED_FEATURES\n' in text
  assert text.count('{') == text.count('}') == 3
