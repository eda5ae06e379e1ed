"""Runs a compiler in a process of its own, as it may crash or never end."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
from typing import Any

import effnas
from effnas import errors, files
from effnas.footprint.compiled import target as target_lib

# `-P`: modules are found where this process finds them, not in the folder that
# it happens to run in.
_COMMAND = [sys.executable, '-P', '-m', 'effnas.footprint.compiled.worker']
_SETTINGS = {
  # Devices of this machine stay with whoever uses them.
  'JAX_PLATFORMS': 'cpu',
  'CUDA_VISIBLE_DEVICES': '',
  # A topology by name asks no metadata server, and takes no lock from another
  # process that compiles or has the TPU.
  'TPU_SKIP_MDS_QUERY': '1',
  'TPU_WORKER_HOSTNAMES': 'localhost',
  'ALLOW_MULTIPLE_LIBTPU_LOAD': '1',
  'TPU_STDERR_LOG_LEVEL': '3',
  'TPU_MIN_LOG_LEVEL': '3',
  'TPU_LOG_DIR': 'disabled',
  'TF_CPP_MIN_LOG_LEVEL': '3',
}
_LONGEST = 300  # characters of a compiler's line


def run(
  program: str, plan: target_lib.Plan, time_limit: float
) -> dict[str, Any]:
  """Compiles a program in a child process.

  Args:
    program: StableHLO text.
    plan: How to compile it.
    time_limit: Seconds after which it is stopped.

  Returns:
    What `effnas.footprint.compiled.worker` answers.

  Raises:
    UserError: The compiler refused, crashed or took too long; one line.
  """
  with tempfile.TemporaryDirectory(prefix='effnas-') as name:
    folder = pathlib.Path(name)
    job = {'platform': plan.platform, 'topology': plan.topology}
    files.write(folder / 'job.json', json.dumps(job))
    files.write(folder / 'program.mlir', program)
    code, said = _wait(folder, plan, time_limit)
    try:
      answer = json.loads((folder / 'answer.json').read_text(encoding='utf-8'))
    except (OSError, ValueError):
      raise _crash(plan, code, said) from None
  if 'error' in answer:
    raise errors.UserError(
      f'{plan.compiler} does not compile this network for {plan.target}: '
      f'{_line(answer["error"])}'
    )
  return answer


def _wait(
  folder: pathlib.Path, plan: target_lib.Plan, limit: float
) -> tuple[int, str]:
  """Returns the child's exit code and what it wrote on standard error."""
  # A file, not a pipe: what a compiler left running may hold a pipe open.
  with (folder / 'said').open('w+b') as said:
    child = subprocess.Popen(
      [*_COMMAND, str(folder)],
      stdin=subprocess.DEVNULL,
      stdout=subprocess.DEVNULL,
      stderr=said,
      env=_environment(),
      start_new_session=True,
    )
    try:
      code = child.wait(limit)
    except subprocess.TimeoutExpired:
      raise errors.UserError(
        f'{plan.compiler} did not compile this network for {plan.target} '
        f'within {limit:g} s; a longer time_limit or a smaller batch may help'
      ) from None
    finally:
      # Its own children too, e.g. assemblers.
      with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
      child.wait()
    said.seek(0)
    return code, said.read().decode(errors='replace')


def _environment() -> dict[str, str]:
  place = str(pathlib.Path(effnas.__file__).parent.parent)
  before = os.environ.get('PYTHONPATH')
  found = {**os.environ, **_SETTINGS}
  found['PYTHONPATH'] = os.pathsep.join([place, before] if before else [place])
  found.pop('JAX_COMPILATION_CACHE_DIR', None)
  return found


def _crash(plan: target_lib.Plan, code: int, said: str) -> errors.UserError:
  how = f'exit code {code}'
  if code < 0:
    how = signal.Signals(-code).name
  lines = [line.strip() for line in said.splitlines() if line.strip()]
  # Of a failed check the first line tells, of a Python error the last.
  fatal = [line for line in lines if re.match(r'F\d{4} |.*Check failed', line)]
  reason = (fatal[:1] or lines[-1:] or ['it said nothing'])[0]
  return errors.UserError(
    f'{plan.compiler} crashed compiling for {plan.target} ({how}): '
    f'{_line(reason)}'
  )


def _line(text: str) -> str:
  line = ' '.join(text.split())
  return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + '...'
