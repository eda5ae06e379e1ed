"""Asks the compiler of a target what a network takes there."""

from collections.abc import Mapping, Sequence
import os
import pathlib
from typing import Any

from flax import linen
import numpy as np

from effnas import errors, files, folders
from effnas.footprint.compiled import cache, process, program, result
from effnas.footprint.compiled import target as target_lib
from effnas.footprint.latency import device


def compile_for(
  net: linen.Module,
  input_shape: Sequence[int],
  target: str,
  batch: int = 1,
  *,
  input_dtype: Any = 'float32',
  float_format: str | None = None,
  variables: Mapping[str, Any] | None = None,
  time_limit: float = 600.0,
  cache_folder: str | os.PathLike[str] | None = None,
) -> result.Compiled:
  """Compiles a network's inference for a target, which need not be here.

  The network is traced here, which starts no backend, and compiled in a
  process of its own, once: the answer is kept on disk by program, target and
  versions of the compilers.

  Args:
    net: A Linen module, also one under quantization rules; `net(x)` is
      inference.
    input_shape: Shape of one example, without the batch.
    target: A device, one of `effnas.footprint.compiled.names()`; 'cpu' is
      compiled for the CPU of this machine.
    batch: Examples at a time.
    input_dtype: dtype of the input, 'int32' for tokens.
    float_format: Format of floating point variables and inputs, e.g.
      'bfloat16'; None for the network's own.
    variables: Variables (arrays or `jax.ShapeDtypeStruct`) as they would be
      served, e.g. of the converted integer network; by default those of
      initialisation.
    time_limit: Seconds after which a compiler is stopped.
    cache_folder: Where answers are kept, made where it is absent; by default
      `effnas/compiled` in the user's cache folder.

  Returns:
    What the compiler says. A network too large for the device is such an
    answer, not an error: `fits` is False.

  Raises:
    UserError: An unknown target, one whose compiler is not installed (the line
      says what to install), a shape or batch that is not positive, a cache
      folder that cannot be made, or a compiler that failed: it refused,
      crashed or took too long.
  """
  plan = target_lib.plan(target)
  shape = tuple(input_shape)
  whole = all(isinstance(n, int | np.integer) for n in (batch, *shape))
  if not whole or min(batch, *shape, 1) < 1:
    raise errors.UserError(
      'an input shape and a batch are positive whole numbers; '
      f'got shape {shape} and batch {batch}'
    )
  text = program.lower(
    net,
    tuple(map(int, shape)),
    plan.platform,
    batch=int(batch),
    input_dtype=input_dtype,
    float_format=float_format,
    variables=variables,
  )
  about = {
    'target': target,
    'batch': int(batch),
    'compiler': plan.compiler,
    'memory_bytes': device.load(target).memory_bytes,
  }
  folder = _made(cache_folder) if cache_folder else folders.cache('compiled')
  name = cache.key(text, plan)
  if folder is not None:
    found = cache.read(folder, name)
    if found is not None:
      try:
        return result.from_answer(found, about, cached=True)
      except ValueError:  # It is asked for anew.
        pass
  answer = process.run(text, plan, time_limit)
  if folder is not None:
    cache.write(folder, name, answer)
  return result.from_answer(answer, about, cached=False)


def _made(folder: str | os.PathLike[str]) -> pathlib.Path:
  return files.made(folder)
