"""The machines that a search runs on: starting Ray, and a trial's share."""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import glob
import io
import logging
import math
import os
import pathlib
import secrets
import socket
import subprocess
import sys
from typing import Any
import warnings

import ray
import ray._private.ray_constants
import ray._raylet

from effnas import errors
from effnas.search.running import compile_cache, evaluation, scratch

_log = logging.getLogger(__name__)

# What Ray and Tune read from the environment.
_QUIET = {
  'RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO': '0',
  'RAY_AIR_NEW_OUTPUT': '0',
  'RAY_CHDIR_TO_TRIAL_DIR': '0',  # relative paths mean what they say
  'RAY_USAGE_STATS_ENABLED': '0',
  'TUNE_DISABLE_AUTO_CALLBACK_LOGGERS': '1',
  'TUNE_DISABLE_SIGINT_HANDLER': '1',  # Ctrl-C ends the search at once
  'TUNE_GLOBAL_CHECKPOINT_S': '1000000',  # the journal is what counts
  'TUNE_PRINT_ALL_TRIAL_ERRORS': '0',
  'TUNE_WARN_THRESHOLD_S': '60',
}
# Where Ray may not make a cluster it keeps to the loopback interface. Made for
# other systems, and heeded on all.
_ALONE = 'RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER'
_TOKEN = ('RAY_AUTH_TOKEN', 'RAY_AUTH_TOKEN_PATH')
_SESSION = len('/ray/session_2026-01-01_00-00-00_000000_/sockets/plasma_store')
_ANSWER_S = 5.0
_STATUS_S = 30.0
_GPU_SHARE = 0.9  # of a GPU's memory, divided among its trials


def shares(
  workers: int, asked: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, str]]:
  """Returns the resources and the environment of one worker.

  Args:
    workers: How many there shall be at once.
    asked: What each is to have, by Ray's names; what is not there is an equal
      share of the cluster.

  Raises:
    UserError: No node has as much, or there are too few TPU chips.
  """
  total = ray.cluster_resources()
  nodes = [node['Resources'] for node in ray.nodes() if node.get('Alive', True)]
  largest = max(node.get('CPU', 0) for node in nodes)
  cpus = min(total['CPU'] / workers, largest)
  # Ray takes whole numbers above 1, and four decimals below.
  share = math.floor(cpus) if cpus >= 1 else math.floor(cpus * 1e4) / 1e4
  found = {'CPU': float(share)}
  if total.get('TPU') and 'TPU' not in asked:
    if workers > total['TPU']:
      raise errors.UserError(
        f'search.concurrency asks for {workers} workers, more than the '
        f'{total["TPU"]:g} TPU chips here, and a chip serves one; raise '
        'search.batch, the trials of a worker'
      )
    found['TPU'] = 1
  elif total.get('GPU') and 'GPU' not in asked:
    found['GPU'] = 1 / math.ceil(workers / total['GPU'])
  found |= asked
  for name, amount in found.items():
    if not any(node.get(name, 0) >= amount for node in nodes):
      raise errors.UserError(
        f'no node has {name} {amount:g} for a worker (search.resources); '
        f'there {"is" if len(nodes) == 1 else "are"} {_listed(nodes)}'
      )
    fit = total[name] // amount if amount else workers
    if fit < workers:
      _log.warning(
        'only %d of %d workers fit at once: each takes %s %g of %g',
        fit,
        workers,
        name,
        amount,
        total[name],
      )
  environment = {}
  if found.get('GPU'):
    memory = _GPU_SHARE * min(1.0, found['GPU'])
    environment['XLA_PYTHON_CLIENT_MEM_FRACTION'] = f'{memory:.3}'
  lower = {'CPU': 'cpu', 'GPU': 'gpu'}  # Tune's names
  return {lower.get(k, k): v for k, v in found.items()}, environment


def _listed(nodes: Sequence[Mapping[str, float]]) -> str:
  """Says what there is, node by node."""
  hidden = ('node:', 'accelerator_type:', 'memory', 'object_store_memory')
  shown = [
    ', '.join(
      f'{name} {amount:g}'
      for name, amount in sorted(node.items())
      if not name.startswith(hidden)
    )
    for node in nodes
  ]
  return ' | '.join(shown)


def _python_path() -> str:
  """Returns where workers find what this process can import, beside Python."""
  own = (sys.prefix, sys.base_prefix)
  found = (os.path.abspath(p) for p in sys.path)  # '' is where we are
  return os.pathsep.join(p for p in found if not p.startswith(own))


class _Output(io.TextIOBase):
  """Standard output while Ray runs: standard error, without Ray's reports.

  Of a worker that dies Ray says a paragraph, and the journal says why.
  """

  _dropped = False

  def write(self, text: str) -> int:
    self._dropped = '(raylet)' in text or (self._dropped and text == '\n')
    return len(text) if self._dropped else sys.stderr.write(text)


@contextlib.contextmanager
def started(workers: int) -> Iterator[pathlib.Path]:
  """Starts or joins a silent Ray; leaves it and removes its files at the end.

  Args:
    workers: How many there shall be at once.

  Raises:
    UserError: The cluster that RAY_ADDRESS names does not answer.
  """
  if ray.is_initialized():
    raise errors.UserError(
      'Ray runs in this process already; call ray.shutdown() first'
    )
  variables = {
    **compile_cache.environment(),
    'PYTHONPATH': _python_path(),
    'RAY_CHDIR_TO_TRIAL_DIR': '0',
    'TF_CPP_MIN_LOG_LEVEL': '3',
    'TUNE_FUNCTION_THREAD_TIMEOUT_S': '60',  # a trial's thread may end slowly
  }
  if not any(glob.glob(f'/dev/{name}') for name in ('accel*', 'vfio/[0-9]*')):
    variables['TPU_SKIP_MDS_QUERY'] = '1'  # no TPU here: do not ask for it
  address = os.environ.get('RAY_ADDRESS')
  own = {'TUNE_MAX_PENDING_TRIALS_PG': str(workers)}
  if address:
    own |= _credentials(address)
  within = _SESSION + len(str(os.getpid()))
  with (
    scratch.folder('effnas-ray', within) as folder,
    scratch.environment({**_QUIET, **own}),
    contextlib.nullcontext() if address else _alone(folder),
    warnings.catch_warnings(),
    contextlib.redirect_stdout(_Output()),
  ):
    warnings.simplefilter('ignore')
    try:
      _join(address, folder, variables)
      if not address:
        _warn_of_listeners()
      yield folder
    finally:
      ray.shutdown()


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
  """Keeps the Ray that is started within to this machine and this user.

  Args:
    folder: Nobody else may look into it. It gets the token that Ray asks for,
      which would otherwise be written where everybody may read it.
  """
  variables = {_ALONE: '0'}
  if not any(os.environ.get(name) for name in _TOKEN):
    token = folder / 'token'
    with open(token, 'x', opener=_private, encoding='ascii') as file:
      file.write(secrets.token_hex(32))
    variables['RAY_AUTH_TOKEN_PATH'] = str(token)
  mode = os.environ.get('RAY_AUTH_MODE')  # Ray sets it
  constants = ray._private.ray_constants  # read when Ray was imported
  before = constants.ENABLE_RAY_CLUSTER
  with scratch.environment(variables):
    constants.ENABLE_RAY_CLUSTER = False
    _forget_token()
    try:
      yield
    finally:
      constants.ENABLE_RAY_CLUSTER = before
      if mode is None:
        os.environ.pop('RAY_AUTH_MODE', None)
  _forget_token()


def _private(path: str, flags: int) -> int:
  return os.open(path, flags, 0o600)


def _forget_token() -> None:
  """Lets Ray read its token anew, as each search has its own."""
  loader = ray._raylet.AuthenticationTokenLoader  # type: ignore[attr-defined]
  loader.instance().reset_cache()


def _warn_of_listeners() -> None:
  """Says so where Ray does not stay on the loopback interface."""
  for node in ray.nodes():
    address = node.get('NodeManagerAddress', '')
    if address not in ('127.0.0.1', '::1'):
      _log.warning(
        'Ray listens on all interfaces of this machine (its address is %s), '
        'guarded by a token alone; use search.engine=inline, or a firewall',
        address,
      )


def _join(
  address: str | None, folder: pathlib.Path, variables: Mapping[str, str]
) -> None:
  """Starts Ray here, or joins a cluster."""
  own: dict[str, Any] = {
    'address': 'local',
    'include_dashboard': False,
    '_temp_dir': str(folder / 'ray'),  # which Ray opens to everybody
  }
  if address:
    own = {'address': address}
  try:
    ray.init(
      log_to_driver=False,
      logging_level=logging.CRITICAL,
      runtime_env={'env_vars': dict(variables)},
      **own,
    )
  except (ConnectionError, RuntimeError, ValueError) as e:
    if not address:
      raise
    raise errors.UserError(
      f'cannot join the Ray cluster at {address}: {evaluation.describe(e)}'
    ) from None


def _credentials(address: str) -> dict[str, str]:
  """Returns the environment in which a cluster answers.

  Ray itself tries an address for minutes, and does not find out whether its
  token is wanted there.

  Raises:
    UserError: It does not answer.
  """
  if address not in ('auto', 'local'):
    _reach(address)
  modes: list[dict[str, str]] = [{}, {'RAY_AUTH_MODE': 'token'}]
  for mode in modes[:1] if 'RAY_AUTH_MODE' in os.environ else modes:
    failed = _status(address, mode)
    if not failed:
      return mode
  raise errors.UserError(
    f'cannot join the Ray cluster at {address}: {failed[:300]}'
  )


def _reach(address: str) -> None:
  host, colon, port = address.rpartition(':')
  if '/' in address or not colon or not port.isdigit():
    raise errors.UserError(
      f'a Ray address is HOST:PORT of its head node, or auto; got {address!r}'
    )
  try:
    socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
  except (OSError, OverflowError) as e:
    why = getattr(e, 'strerror', None) or str(e)
    raise errors.UserError(
      f'no Ray cluster answers at {address}: {why}; start one with ray start '
      '--head, or leave --ray_address out'
    ) from None


def _status(address: str, mode: Mapping[str, str]) -> str:
  """Asks a cluster how it is; returns what went wrong, '' if nothing."""
  ask = [sys.executable, '-m', 'ray.scripts.scripts', 'status', '--address']
  try:
    found = subprocess.run(
      [*ask, address],
      capture_output=True,
      text=True,
      timeout=_STATUS_S,
      check=False,
      env={**os.environ, **mode},
    )
  except subprocess.TimeoutExpired:
    raise errors.UserError(
      f'what answers at {address} is no Ray cluster, or none that works: it '
      f'told no status in {_STATUS_S:g} s'
    ) from None
  if not found.returncode:
    return ''
  return (found.stderr.strip().splitlines() or ['it tells no status'])[-1]
