"""The machines that a search runs on: starting Ray, and a trial's share."""

from collections.abc import Iterator
import contextlib
import glob
import logging
import math
import os
import pathlib
import sys
from typing import Any
import warnings

import ray

from effnas import errors
from effnas.search.running import compile_cache, scratch

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
_GPU_SHARE = 0.9  # of a GPU's memory, divided among its trials


def shares(concurrency: int) -> tuple[dict[str, float], dict[str, str]]:
  """Returns the resources and the environment of one trial."""
  total = ray.cluster_resources()
  largest = max(node['Resources'].get('CPU', 0) for node in ray.nodes())
  cpus = min(total['CPU'] / concurrency, largest)
  # Ray takes whole numbers above 1, and four decimals below.
  share = math.floor(cpus) if cpus >= 1 else math.floor(cpus * 1e4) / 1e4
  resources, environment = {'cpu': float(share)}, {}
  if total.get('TPU'):
    if concurrency > total['TPU']:
      raise errors.UserError(
        f'search.concurrency {concurrency} is more than the '
        f'{total["TPU"]:g} TPU chips here, and a chip serves one trial'
      )
    resources['TPU'] = 1
  elif total.get('GPU'):
    together = math.ceil(concurrency / total['GPU'])  # on one GPU
    resources['gpu'] = 1 / together
    share = _GPU_SHARE / together
    environment['XLA_PYTHON_CLIENT_MEM_FRACTION'] = f'{share:.3}'
  return resources, environment


def _python_path() -> str:
  """Returns where workers find what this process can import, beside Python."""
  own = (sys.prefix, sys.base_prefix)
  found = (os.path.abspath(p) for p in sys.path)  # '' is where we are
  return os.pathsep.join(p for p in found if not p.startswith(own))


@contextlib.contextmanager
def started(concurrency: int) -> Iterator[pathlib.Path]:
  """Starts a silent Ray; stops it and removes its files at the end."""
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
  pending = {'TUNE_MAX_PENDING_TRIALS_PG': str(concurrency)}
  with (
    scratch.folder('effnas-ray') as folder,
    scratch.environment({**_QUIET, **pending}),
    warnings.catch_warnings(),
    contextlib.redirect_stdout(sys.stderr),  # Ray reports dead workers there
  ):
    warnings.simplefilter('ignore')
    here: dict[str, Any] = {
      'address': 'local',
      'include_dashboard': False,
      '_temp_dir': str(folder),
    }
    try:
      ray.init(
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        runtime_env={'env_vars': variables},
        **({} if os.environ.get('RAY_ADDRESS') else here),
      )
      yield folder
    finally:
      ray.shutdown()
