"""Parameters as codebooks and indices, one codebook a tensor or shared.

Reference:
  Han et al., 2016, Deep Compression, https://arxiv.org/abs/1510.00149, section
  3 (trained codebooks); Ullrich et al., 2017, Soft weight-sharing,
  https://arxiv.org/abs/1702.04008 (one set of weights for several layers)
"""

from collections.abc import Mapping, Sequence
import dataclasses
import fnmatch
from typing import Any

from flax import struct, traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.compress import storage
from effnas.compress.clustering import kmeans
from effnas.compress.pruning import masks as masks_lib
from effnas.nn import paths as paths_lib


@dataclasses.dataclass(frozen=True)
class Codebook:
  """Which parameters become members of how many clusters.

  Attributes:
    pattern: A shell pattern on a parameter's path, joined by slashes.
    clusters: Centroids k, 2 to 256.
    start: First centroids, as `kmeans.cluster` names them.
    shared: Whether all parameters that the pattern takes share one codebook;
      otherwise each has its own.
    iterations: The most steps of k-means.
    seed: Of the start 'random'.
  """

  pattern: str = '*kernel'
  clusters: int = 16
  start: str = 'best'
  shared: bool = False
  iterations: int = 100
  seed: int = 0


@struct.dataclass
class Clustered:
  """Parameters under codebooks; a pytree.

  Attributes:
    trainable: 'codebooks': name -> float32 [k]; 'rest': path -> array, the
      parameters that no pattern takes.
    indices: Path -> uint8, in the shape of the parameter.
    masks: Path -> bool, False where pruning left a zero.
    names: (path, name of its codebook), sorted by path.
    dtypes: (path, dtype) of the clustered parameters.
  """

  trainable: dict[str, dict[str, jax.Array]]
  indices: dict[str, jax.Array]
  masks: dict[str, jax.Array]
  names: tuple[tuple[str, str], ...] = struct.field(pytree_node=False)
  dtypes: tuple[tuple[str, str], ...] = struct.field(pytree_node=False)


def cluster(
  params: Mapping[str, Any],
  codebooks: Sequence[Codebook] = (Codebook(),),
  masks: Mapping[str, Any] | None = None,
) -> Clustered:
  """Clusters the parameters that patterns name.

  Args:
    params: Nested mappings of arrays.
    codebooks: For each parameter the first whose pattern matches holds.
    masks: Nested or by path, bool, True where a weight is left; what
      is missing or None is left whole. Centroids are drawn by what is left.

  Returns:
    The clustered parameters; `weights` gives plain ones back.

  Raises:
    UserError: A codebook that takes nothing, a setting that is not known, a
      mask that fits no parameter, or a weight that is not finite.

  Example:
    >>> params = {'head': {'kernel': jnp.arange(6.), 'bias': jnp.ones(2)}}
    >>> found = cluster(params, [Codebook('*kernel', clusters=2)])
    >>> weights(found)['head']['kernel'].tolist()
    [1.0, 1.0, 1.0, 4.0, 4.0, 4.0]
  """
  flat = paths_lib.flatten(params)
  kept = _masks(params, masks)
  taken = _taken(list(flat), codebooks)
  books, indices, names = {}, {}, {}
  for codebook, paths in taken.items():
    groups = [paths] if codebook.shared else [[path] for path in paths]
    for group in groups:
      found = _together(codebook, group, flat, kept)
      name = codebook.pattern if codebook.shared else group[0]
      books[name] = found.centroids
      ends = np.cumsum([flat[path].size for path in group])
      pieces = np.split(np.asarray(found.indices), ends)[:-1]
      for path, piece in zip(group, pieces, strict=True):
        indices[path] = jnp.asarray(piece.reshape(flat[path].shape))
        names[path] = name
  rest = {path: flat[path] for path in flat if path not in names}
  return Clustered(
    {'codebooks': books, 'rest': rest},
    indices,
    kept,
    tuple(sorted(names.items())),
    tuple((path, flat[path].dtype.name) for path in sorted(names)),
  )


def weights(clustered: Clustered) -> dict[str, Any]:
  """Returns plain parameters; a pure function of the pytree.

  A fine-tuning step is a gradient by `clustered.trainable`: that of a centroid
  is the sum of its members' gradients over all layers that share it, and
  pruned weights stay zero.

  Args:
    clustered: What `cluster` returned, its `trainable` part perhaps trained.

  Returns:
    Nested dicts of arrays, of the parameters' own types.

  Example:
    >>> found = cluster({'kernel': jnp.array([0., 2., 2.])})
    >>> loss = lambda trainable: (
    ...   weights(found.replace(trainable=trainable))['kernel'].sum())
    >>> slopes = jax.grad(loss)(found.trainable)['codebooks']['kernel']
    >>> float(slopes.sum())
    3.0
  """
  flat, dtypes = dict(clustered.trainable['rest']), dict(clustered.dtypes)
  for path, name in clustered.names:
    centroids = clustered.trainable['codebooks'][name].astype(dtypes[path])
    flat[path] = kmeans.rebuild(clustered.indices[path], centroids)
  for path, mask in clustered.masks.items():
    flat[path] = jnp.where(mask, flat[path], 0)
  return paths_lib.unflatten(flat)


def forms(
  clustered: Clustered, huffman: bool = False
) -> dict[str, storage.Form]:
  """Returns how `weights(clustered)` are stored: by masks and codebooks.

  Args:
    clustered: The clustered parameters.
    huffman: Whether indices and runs of zeros are Huffman-coded.

  Returns:
    Path -> form, as `storage.pack` takes them.

  Example:
    >>> found = cluster({'kernel': jnp.arange(64.)})
    >>> storage.nbytes(storage.pack(weights(found), forms(found)))
    108
  """
  names = dict(clustered.names)
  books, uses = clustered.trainable['codebooks'], list(names.values())
  found = {
    path: storage.Form(mask, huffman=huffman)
    for path, mask in clustered.masks.items()
  }
  for path, name in names.items():
    shared = name if uses.count(name) > 1 else None
    mask, k = clustered.masks.get(path), books[name].size
    found[path] = storage.Form(mask, k, huffman, shared)
  return found


def _taken(paths, codebooks):
  taken: dict[Codebook, list[str]] = {}
  for path in sorted(paths):
    for codebook in codebooks:
      if fnmatch.fnmatchcase(path, codebook.pattern):
        taken.setdefault(codebook, []).append(path)
        break
  for codebook in codebooks:
    kmeans.check(codebook.clusters, codebook.start)
    if codebook not in taken:
      raise errors.UserError(
        f'the pattern {codebook.pattern!r} takes no parameter that an earlier '
        f'one leaves; there are {", ".join(sorted(paths)[:8])}'
      )
  return taken


def _masks(params, masks):
  kept = traverse_util.flatten_dict(dict(masks or {}), sep='/')
  kept = {path: m for path, m in kept.items() if m is not None}
  masks_lib.pick(params, kept)  # They fit.
  return {path: jnp.asarray(mask, bool) for path, mask in kept.items()}


def _together(codebook, paths, flat, kept):
  # On the host, as every shape would be a program of its own on the device.
  arrays = [np.asarray(flat[path], np.float32) for path in paths]
  values = np.concatenate([array.ravel() for array in arrays])
  mask = np.concatenate(
    [
      np.asarray(kept.get(path, np.ones(array.shape, bool))).ravel()
      for path, array in zip(paths, arrays, strict=True)
    ]
  )
  if not np.isfinite(values).all():
    raise errors.UserError(
      f'weights that are not finite in {", ".join(paths)} cannot be clustered'
    )
  # Kernels of like sizes share a program.
  more = 2 ** max(10, (values.size - 1).bit_length()) - values.size
  return kmeans.cluster(
    jnp.asarray(np.pad(values, (0, more))),
    codebook.clusters,
    mask=jnp.asarray(np.pad(mask, (0, more))),
    start=codebook.start,
    iterations=codebook.iterations,
    seed=codebook.seed,
  )
