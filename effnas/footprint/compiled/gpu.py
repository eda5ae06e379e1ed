"""How an NVIDIA GPU is described to XLA, which compiles for it without it.

XLA takes a text of the message `stream_executor.GpuTargetConfigProto`. Limits
of a multiprocessor follow from the compute capability; a file of `gpus/` holds
what is a GPU's own, and its device file memory and bandwidth.

Reference:
  OpenXLA's own descriptions have the same fields,
  https://github.com/openxla/xla/tree/main/xla/backends/gpu/target_config/specs
  Limits: NVIDIA, CUDA C++ Programming Guide, Technical Specifications per
  Compute Capability, https://docs.nvidia.com/cuda/cuda-c-programming-guide/
"""

from collections.abc import Mapping
import importlib.resources
import json
from typing import Any

from effnas.footprint.latency import device

_KIB = 1024
# The same for each compute capability below.
_LIMITS = {
  'threads_per_block_limit': 1024,
  'threads_per_warp': 32,
  'shared_memory_per_block': 48 * _KIB,
  'block_dim_limit_x': 2**31 - 1,
  'block_dim_limit_y': 65535,
  'block_dim_limit_z': 65535,
  'thread_dim_limit_x': 1024,
  'thread_dim_limit_y': 1024,
  'thread_dim_limit_z': 64,
  'registers_per_core_limit': 65536,
  'registers_per_block_limit': 65536,
}
# A block can have all shared memory of a multiprocessor but for 1 KiB that the
# system keeps (none before 8.0), where it asks for it.
_BY_CAPABILITY = {
  (7, 0): {
    'threads_per_core_limit': 2048,
    'shared_memory_per_core': 96 * _KIB,
    'shared_memory_per_block_optin': 96 * _KIB,
    'fpus_per_core': 64,
  },
  (8, 0): {
    'threads_per_core_limit': 2048,
    'shared_memory_per_core': 164 * _KIB,
    'shared_memory_per_block_optin': 163 * _KIB,
    'fpus_per_core': 64,
  },
  (8, 6): {
    'threads_per_core_limit': 1536,
    'shared_memory_per_core': 100 * _KIB,
    'shared_memory_per_block_optin': 99 * _KIB,
    'fpus_per_core': 128,
  },
  (9, 0): {
    'threads_per_core_limit': 2048,
    'shared_memory_per_core': 228 * _KIB,
    'shared_memory_per_block_optin': 227 * _KIB,
    'fpus_per_core': 128,
  },
}
# The cuDNN that jax 0.10 asks for at least.
_CUDNN = {'major': 9, 'minor': 8}


class _Word(str):
  """A name of an enumeration: it stands without quotes."""


def names() -> list[str]:
  """Names of the GPUs that are described, sorted."""
  return sorted(
    f.name[:-5] for f in _files().iterdir() if f.name.endswith('.json')
  )


def read(name: str) -> dict[str, Any]:
  """Reads a GPU's file as it stands, with the source of each value."""
  return json.loads(_files().joinpath(f'{name}.json').read_text())


def config(name: str) -> str:
  """Describes a GPU to XLA.

  Args:
    name: One of `names()` that has a device file too.

  Returns:
    A text of the message `stream_executor.GpuTargetConfigProto`.

  Example:
    >>> 'core_count: 108' in config('a100')
    True
  """
  found, target = read(name), device.load(name)
  major, minor = map(int, found['compute_capability']['value'].split('.'))
  capability: dict[str, Any] = {'major': major, 'minor': minor}
  if major >= 9:  # '9.0a': with instructions that no later GPU need have.
    capability['feature_extension'] = _Word('ACCELERATED_FEATURES')
  info = {
    **_LIMITS,
    **_BY_CAPABILITY[major, minor],
    'core_count': found['multiprocessors']['value'],
    'clock_rate_ghz': found['clock_ghz']['value'],
    'l2_cache_size': found['l2_bytes']['value'],
    'memory_bandwidth': int(target.bandwidth),
    'device_memory_size': int(target.memory_bytes),
    'cuda_compute_capability': capability,
  }
  return _text(
    {
      'gpu_device_info': info,
      'platform_name': 'CUDA',
      'dnn_version_info': _CUDNN,
      'device_description_str': target.stands_for,
    }
  )


def _text(message: Mapping[str, Any], indent: str = '') -> str:
  lines = []
  for key, value in message.items():
    if isinstance(value, Mapping):
      inner = _text(value, indent + '  ')
      lines.append(f'{indent}{key} {{\n{inner}{indent}}}\n')
    else:
      # JSON writes numbers and plain strings as protocol buffers' texts do.
      plain = value if isinstance(value, _Word) else json.dumps(value)
      lines.append(f'{indent}{key}: {plain}\n')
  return ''.join(lines)


def _files() -> Any:
  return importlib.resources.files('effnas.footprint.compiled').joinpath('gpus')
