"""The child process that compiles: `python -m ...compiled.worker FOLDER`.

Reads `job.json` and `program.mlir` of the folder and writes `answer.json`: the
fields of `Compiled` that the compiler tells, or `error`. The one file that
talks to compilers; no device is touched, but the CPU where that is the target.
"""

from collections.abc import Mapping
import json
import pathlib
import sys
import time
from typing import Any

from effnas import files

# Tiles of Triton's products are found by trying them on the device; those that
# XLA takes without one do not fit every shape (jax 0.10.2: 'Couldn't find
# output tile sizes'), so products are cuBLAS's.
_OPTIONS = {'cuda': {'xla_gpu_enable_triton_gemm': 'False'}}


def main(folder: pathlib.Path) -> None:
  """Compiles what lies in a folder and writes the answer there."""
  job = json.loads((folder / 'job.json').read_text(encoding='utf-8'))
  program = (folder / 'program.mlir').read_text(encoding='utf-8')
  try:
    answer = build(program, job['platform'], job['topology'])
  except Exception as e:  # Compilers raise many kinds; each is an answer.
    answer = {'error': str(e).strip() or type(e).__name__}
  files.write(folder / 'answer.json', json.dumps(answer))


def build(
  program: str, platform: str, topology: Mapping[str, Any] | None
) -> dict[str, Any]:
  """Compiles a program.

  Args:
    program: StableHLO text.
    platform: 'tpu', 'cuda' or 'cpu'.
    topology: Keyword arguments of `get_topology_desc`; None for what is here.

  Returns:
    Fields of `effnas.footprint.compiled.Compiled`.
  """
  import jax
  from jax._src import compiler
  from jax._src.lib import xla_client
  from jax.experimental import topologies
  from jax.interpreters import mlir
  import numpy as np

  if topology is None:
    device = jax.devices(platform)[0]
  else:
    found = topologies.get_topology_desc(platform=platform, **topology)
    device = found.devices[0]
  options = compiler.get_compile_options(
    num_replicas=1,
    num_partitions=1,
    device_assignment=np.array([[device.id]]),
    env_options_overrides=_OPTIONS.get(platform),
  )
  start = time.monotonic()
  try:
    with mlir.make_ir_context():
      executable = compiler.backend_compile_and_load(
        device.client,
        mlir.ir.Module.parse(program),
        xla_client.DeviceList((device,)),
        options,
        [],
      )
  except jax.errors.JaxRuntimeError as e:
    if not str(e).startswith('RESOURCE_EXHAUSTED'):
      raise
    line = str(e).strip().splitlines()[0]
    return {'refused': line, 'seconds': time.monotonic() - start}
  seconds = time.monotonic() - start
  memory = executable.get_compiled_memory_stats()
  counts = _counts(executable)
  return {
    'argument_bytes': memory.argument_size_in_bytes,
    'output_bytes': memory.output_size_in_bytes,
    'temporary_bytes': memory.temp_size_in_bytes,
    # A program is never empty: 0 is not told.
    'code_bytes': memory.generated_code_size_in_bytes or None,
    'flops': counts.get('flops'),
    'bytes_accessed': counts.get('bytes accessed'),
    'seconds': seconds,
  }


def _counts(executable: Any) -> Mapping[str, float]:
  try:
    found = executable.cost_analysis()
  except Exception:  # The CUDA plugin has none.
    return {}
  return (found[0] if isinstance(found, list) else found) or {}


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
