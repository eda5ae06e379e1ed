"""What reaches standard error: our warnings, and nothing of absent devices.

Nothing here keeps a device that is there from being used: JAX leaves out what
it finds no hardware for, and these settings only stop it from saying so.
"""

import glob
import importlib.util
import logging
import os
from typing import Any
import warnings

from effnas import terminal

_TPU = ('/dev/accel*', '/dev/vfio/[0-9]*')
_GPU = ('/dev/nvidia0', '/dev/nvidiactl', '/dev/dxg')
# Read by libtpu, which otherwise asks the cloud's metadata server first.
_NO_TPU = {
  'TPU_SKIP_MDS_QUERY': '1',
  'TPU_WORKER_HOSTNAMES': 'localhost',
  'TPU_STDERR_LOG_LEVEL': '3',
  'TPU_MIN_LOG_LEVEL': '3',
}


class _Teller(logging.Handler):
  """Prints a warning as one line, like the errors of the command line."""

  def emit(self, record: logging.LogRecord) -> None:
    terminal.err(f'effnas: {record.levelname.lower()}: {record.getMessage()}')


_TELLER = _Teller(logging.WARNING)


def prepare() -> None:
  """Sets what JAX reads when it is imported; the user's settings stay."""
  logging.getLogger('effnas').addHandler(_TELLER)
  warnings.showwarning = _shown(warnings.showwarning)
  # C++ messages below fatal: errors reach Python as exceptions.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  if not _there(_TPU):
    for name, value in _NO_TPU.items():
      os.environ.setdefault(name, value)
    if importlib.util.find_spec('libtpu'):
      # Whatever its log level, libtpu says that it finds no TPU.
      others = 'cuda,cpu' if _there(_GPU) else 'cpu'
      os.environ.setdefault('JAX_PLATFORMS', others)
  if not _there(_GPU):
    logging.getLogger('jax._src.xla_bridge').addFilter(_not_of_a_plugin)


def _shown(others: Any) -> Any:
  """Returns what prints each of our warnings once, as one line.

  Args:
    others: What prints those that are not for users.
  """
  said = set()

  def show(message, category, *where, **more):
    if category is not UserWarning:
      others(message, category, *where, **more)
    elif str(message) not in said:
      said.add(str(message))
      terminal.err(f'effnas: warning: {message}')

  return show


def _there(patterns: tuple[str, ...]) -> bool:
  return any(glob.glob(pattern) for pattern in patterns)


def _not_of_a_plugin(record: logging.LogRecord) -> bool:
  """Drops the traceback of a CUDA plugin without CUDA's libraries."""
  return not record.getMessage().startswith('Jax plugin configuration error')
