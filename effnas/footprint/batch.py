"""Footprints of many archs of one space, from what their networks share."""

from collections.abc import Iterable, Mapping, Sequence
import functools
from typing import Any

from flax import linen
import numpy as np

from effnas import errors
from effnas import space as space_lib
from effnas.footprint import bounds, network, profile, untraceable
from effnas.footprint.latency import roofline
from effnas.footprint.latency import target as target_lib


def batch(
  space: space_lib.Space,
  archs: Iterable[space_lib.Arch],
  input_shape: Sequence[int],
  *,
  batch: int | None = None,
  targets: Iterable[str] = (),
  bits: roofline.Bits | None = None,
  input_dtype: Any = 'float32',
  sizes: bool = True,
  sources: bool = False,
) -> dict[str, np.ndarray]:
  """Measures archs of a space as `measure` does, thousands a second.

  That is so for networks that are chains (`effnas.nn.chain`), once each of
  their distinct links has been traced; others are traced whole.

  Args:
    space: A space whose tree is a network, or has one as its part 'model'.
    archs: Archs of the space.
    input_shape: Shape of one example, without the batch.
    batch: As for `measure`.
    targets: Names of targets, as for `measure`.
    bits: As for `measure`.
    input_dtype: dtype of the input, 'int32' for tokens.
    sizes: Whether to give 'size_bytes' too, which takes as long as all else.
    sources: Whether to give 'source of latency_ms@T' too, in words.

  Returns:
    By metric, a value for each arch in their order: exactly what `measure`
    gives for the built network.

  Raises:
    UserError: As `measure`, or an arch is not of the space, or the space has
      no network.

  Example:
    >>> from effnas.space import Space, oneof
    >>> space = Space(linen.Dense(oneof(10, 20)))
    >>> batch(space, [{'features': 10}, {'features': 20}], (64,))['macs']
    array([ 640, 1280])
  """
  on = target_lib.choose(targets)
  at_once = 1 if batch is None else batch
  build, seen = _shared(space)
  metrics = ['params', 'macs', 'size_bytes', 'peak_memory_bytes']
  if not sizes:
    metrics.remove('size_bytes')
  found: dict[str, list[Any]] = {name: [] for name in metrics}
  for target in on:
    found[network.LATENCY + target.name] = []
    if sources:
      found[f'source of {network.LATENCY}{target.name}'] = []
  for arch in archs:
    net = _network(build(arch))
    profiles: dict[int, profile.Profile] = {}
    with untraceable.named(arch):
      for examples in (1, at_once, *(target.at(batch) for target in on)):
        if examples not in profiles:
          profiles[examples] = network.profiled(
            net, input_shape, examples, input_dtype, seen
          )
    found['params'].append(profiles[1].params)
    found['macs'].append(profiles[1].macs)
    found['peak_memory_bytes'].append(profiles[at_once].peak_memory_bytes)
    if sizes:
      found['size_bytes'].append(profiles[1].size_bytes)
    for target in on:
      name, whole = network.LATENCY + target.name, profiles[target.at(batch)]
      found[name].append(target.latency(whole, bits))
      if sources:
        said = target.said(whole, bits, batch)
        told = bounds.told(said, profiles[1].unknown)
        found[f'source of {name}'].append(told)
  return {
    name: np.array(values, None if '@' in name else np.int64)
    for name, values in found.items()
  }


@functools.lru_cache(maxsize=8)
def _shared(space: space_lib.Space) -> tuple[Any, profile.Seen]:
  """What the archs of a space have in common, from call to call."""
  return space.builder(), profile.Seen()


def _network(tree: Any) -> linen.Module:
  net = tree.get('model') if isinstance(tree, Mapping) else tree
  if not isinstance(net, linen.Module):
    raise errors.UserError(
      'the tree of a space is a network, or a dict with one under "model"; '
      f'got {type(tree).__name__}'
    )
  return net


def quantities(
  space: space_lib.Space,
  archs: Iterable[space_lib.Arch],
  input_shape: Sequence[int],
  *,
  batch: int = 1,
  input_dtype: Any = 'float32',
) -> np.ndarray:
  """Adds up the work of many archs by operation class, for calibration.

  Args:
    space: As for `batch`.
    archs: As for `batch`.
    input_shape: As for `batch`.
    batch: Examples at a time.
    input_dtype: As for `batch`.

  Returns:
    float64 [n, len(features.NAMES)].
  """
  build, seen = _shared(space)
  rows = []
  for arch in archs:
    with untraceable.named(arch):
      found = network.quantities(
        _network(build(arch)),
        input_shape,
        batch=batch,
        input_dtype=input_dtype,
        seen=seen,
      )
    rows.append(found)
  return np.array(rows)
