"""Deep Compression: prune, cluster, encode, and the bytes after each stage.

Reference:
  Han, Mao and Dally, 2016, https://arxiv.org/abs/1510.00149
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from effnas.compress import storage
from effnas.compress.clustering import codebooks as codebooks_lib

STAGES = ('dense', 'pruned', 'clustered', 'encoded')


@dataclasses.dataclass(frozen=True, eq=False)
class Archive:
  """Coded parameters.

  Attributes:
    stored: What `storage.pack` returned, ready to be written.
    stages: Stage -> bytes of all arrays after it: 'dense' as given, 'pruned'
      (weights that are left, and masks), 'clustered' (packed indices instead of
      weights, and codebooks), 'encoded' (Huffman codes where they are smaller,
      and their tables: `stored`). Each could be written so; names and the
      file's own header are not in it.
  """

  stored: dict[str, Any]
  stages: dict[str, int]

  @property
  def ratio(self) -> float:
    """Bytes before over bytes after."""
    return self.stages['dense'] / self.stages['encoded']


def compress(
  params: Mapping[str, Any],
  codebooks: Sequence[codebooks_lib.Codebook] = (codebooks_lib.Codebook(),),
  masks: Mapping[str, Any] | None = None,
  fine_tune: Callable[[codebooks_lib.Clustered], codebooks_lib.Clustered]
  | None = None,
) -> Archive:
  """Runs the three stages.

  Args:
    params: Nested mappings of arrays.
    codebooks: As for `codebooks.cluster`.
    masks: As there; what is False is pruned.
    fine_tune: Trains `clustered.trainable` before the coding, where given.

  Returns:
    The archive.

  Example:
    >>> kernel = jnp.arange(4096.).reshape(64, 64)
    >>> mask = {'kernel': kernel % 8 == 0}
    >>> archive = compress({'kernel': kernel}, masks=mask)
    >>> archive.stages
    {'dense': 16384, 'pruned': 2575, 'clustered': 848, 'encoded': 425}
    >>> bool((decompress(archive)['kernel'] == 0).sum() == 4096 * 7 / 8)
    True
  """
  clustered = codebooks_lib.cluster(params, codebooks, masks)
  if fine_tune is not None:
    clustered = fine_tune(clustered)
  return encode(clustered)


def encode(clustered: codebooks_lib.Clustered) -> Archive:
  """Codes clustered parameters; the last stage alone.

  Args:
    clustered: As `codebooks.cluster` returns it.

  Returns:
    The archive.

  Example:
    >>> archive = encode(codebooks_lib.cluster({'kernel': jnp.arange(64.)}))
    >>> list(archive.stored)
    ['kernel.coded']
  """
  params = codebooks_lib.weights(clustered)
  masked = {p: storage.Form(mask) for p, mask in clustered.masks.items()}
  clusters = codebooks_lib.forms(clustered)
  coded = codebooks_lib.forms(clustered, huffman=True)
  stored = storage.pack(params, coded)
  after = (
    params,
    storage.packed_shapes(params, masked),
    storage.packed_shapes(params, clusters),
    stored,
  )
  sizes = map(storage.nbytes, after)
  return Archive(stored, dict(zip(STAGES, sizes, strict=True)))


def decompress(archive: Archive) -> dict[str, Any]:
  """Returns plain parameters, equal to those that were coded.

  Args:
    archive: What `compress` or `encode` returned.

  Returns:
    Nested dicts of arrays.
  """
  return jax.tree.map(jnp.asarray, storage.unpack(archive.stored))
