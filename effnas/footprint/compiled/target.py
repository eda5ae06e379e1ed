"""Which compiler builds programs for a target, and how it is asked."""

import dataclasses
import importlib.metadata
from typing import Any

from effnas import errors
from effnas.footprint.compiled import gpu
from effnas.footprint.latency import device

# libtpu knows TPUs as parts of a pod: the smallest are the four chips of a
# host, of which a program for one device takes one. A v4 chip is one device to
# JAX by 'megacore'; by default the topology shows its two cores.
_TPUS: dict[str, dict[str, Any]] = {
  'tpu_v2': {'topology_name': 'v2:2x2'},
  'tpu_v3': {'topology_name': 'v3:2x2'},
  'tpu_v4': {'topology_name': 'v4:2x2x1', 'chip_config_name': 'megacore'},
  'tpu_v5e': {'topology_name': 'v5e:2x2'},
  'tpu_v5p': {'topology_name': 'v5p:2x2x1'},
  'tpu_v6e': {'topology_name': 'v6e:2x2'},
}


@dataclasses.dataclass(frozen=True)
class Plan:
  """How to compile for a target.

  Attributes:
    target: Its name.
    platform: 'tpu', 'cuda' or 'cpu': JAX's name of the platform.
    compiler: Package and version of the compiler.
    topology: Keyword arguments of `jax.experimental.topologies`'
      `get_topology_desc`; None for the backend of this machine.
  """

  target: str
  platform: str
  compiler: str
  topology: dict[str, Any] | None


def names() -> list[str]:
  """Names of the targets that can be compiled for, sorted.

  Example:
    >>> set(names()) >= {'tpu_v2', 'tpu_v5e', 'a100', 'cpu'}
    True
  """
  known = {*_TPUS, *gpu.names(), 'cpu'}
  return [name for name in device.names() if name in known]


def plan(name: str) -> Plan:
  """Returns how to compile for a target.

  Args:
    name: One of `names()`.

  Returns:
    The plan.

  Raises:
    UserError: No such target, or its compiler is not installed: the line says
      what to install.
  """
  if name not in names():
    raise errors.unknown('target to compile for', name, names())
  if name in _TPUS:
    return Plan(name, 'tpu', _version(name, 'tpu', 'libtpu'), _TPUS[name])
  if name == 'cpu':
    return Plan(name, 'cpu', _version(name, '', 'jaxlib'), None)
  # The plugin finds the compiler that the other package holds.
  _version(name, 'cuda', 'jax-cuda12-plugin')
  compiler = _version(name, 'cuda', 'jax-cuda12-pjrt')
  topology = {
    'topology_name': '',
    'topology': '1x1x1',
    'target_config': gpu.config(name),
  }
  return Plan(name, 'cuda', compiler, topology)


def _version(target: str, extra: str, package: str) -> str:
  try:
    return f'{package} {importlib.metadata.version(package)}'
  except importlib.metadata.PackageNotFoundError:
    raise errors.UserError(
      f'compiling for {target} needs {package}, which is not installed; '
      f'`pip install effnas[{extra}]` installs it'
    ) from None
