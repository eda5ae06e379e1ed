"""Training that keeps clusters, as an optax optimiser around another one.

    tx = hold(optax.adam(1e-3), clustered)

is all that a training loop changes: it trains plain parameters, and the members
of a cluster get one gradient, the sum of theirs, and one update. As in
`codebooks.weights`, whose centroids have that sum as their gradient, sgd moves
a centroid by its members together, so the more there are the further; the
update of Adam and its like does not depend on the sum's scale. Weight decay
acts on each member as on a weight of its own. A limit on the gradients' norm
sees the sum once for each member.

Reference:
  Han et al., 2016, Deep Compression, https://arxiv.org/abs/1510.00149, section
  3
"""

from collections.abc import Callable, Mapping
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effnas import errors
from effnas.compress.clustering import codebooks, kmeans
from effnas.compress.pruning import masks as masks_lib

# Names of codebooks, each with the paths of its kernels, sorted.
_Groups = tuple[tuple[str, tuple[str, ...]], ...]


class State(NamedTuple):
  """State of an optimiser that keeps clusters.

  Attributes:
    indices: Path -> uint8, in the shape of the kernel.
    firsts: Name of a codebook -> int32 [k], a living member of each cluster:
      its place among the weights of all kernels that share the codebook.
    masks: Path -> mask, true where a weight lives.
    inner: State of the inner optimiser.
  """

  indices: masks_lib.Flat
  firsts: dict[str, jax.Array]
  masks: masks_lib.Flat
  inner: Any


def hold(
  optimizer: optax.GradientTransformation, clustered: codebooks.Clustered
) -> optax.GradientTransformationExtraArgs:
  """Trains `codebooks.weights(clustered)`; `tie` with what that holds.

  Args:
    optimizer: Any optax optimiser.
    clustered: As `codebooks.cluster` returns it.

  Returns:
    An optax optimiser.

  Example:
    >>> found = codebooks.cluster({'kernel': jnp.array([0., 2., 2.1, 0.1])},
    ...   [codebooks.Codebook(clusters=2)])
    >>> params, tx = codebooks.weights(found), hold(optax.sgd(1.0), found)
    >>> grads = {'kernel': jnp.array([1., 2., 3., 4.])}
    >>> tx.update(grads, tx.init(params), params)[0]['kernel'].tolist()
    [-5.0, -5.0, -5.0, -5.0]
  """
  books, groups = clustered.trainable['codebooks'], dict(clustered.names)
  clusters = {path: books[name].size for path, name in groups.items()}
  return tie(optimizer, clustered.indices, clusters, groups, clustered.masks)


def tie(
  optimizer: optax.GradientTransformation,
  indices: Mapping[str, Any],
  clusters: Mapping[str, int],
  groups: Mapping[str, str] | None = None,
  masks: Mapping[str, Any] | None = None,
) -> optax.GradientTransformationExtraArgs:
  """Keeps the members of each cluster equal to the bit.

  Each living member gets the sum of the gradients of all; the update of one of
  them holds for all, so that the inner optimiser may be any. It stands
  outermost, as what changes single updates afterwards would undo that.

  Args:
    optimizer: Any optax optimiser.
    indices: Path -> uint8 in the kernel's shape. Parameters that are clustered
      are to be equal within clusters from the start.
    clusters: Path -> clusters k, 2 to 256.
    groups: Path -> name of the codebook, which kernels may share; a kernel
      without a name has its own.
    masks: Path -> bool, false where pruning left a zero, for clustered kernels
      and others. These weights' updates are exactly minus the weights.

  Returns:
    An optax optimiser with a `State`. Its `update` is one and the same function
    for equal groups and the same inner `update`, so that they share compiled
    programs.

  Raises:
    UserError: Clusters that are none, indices beyond them, or kernels that
      share a codebook of different sizes; with `init` what fits no parameter.

  Example:
    >>> params = {'kernel': jnp.array([[1., 1., 3.]])}
    >>> indices = {'kernel': jnp.array([[0, 0, 1]], jnp.uint8)}
    >>> tx = tie(optax.sgd(0.5), indices, {'kernel': 2})
    >>> grads = {'kernel': jnp.array([[1., 2., 4.]])}
    >>> updates, _ = tx.update(grads, tx.init(params), params)
    >>> optax.apply_updates(params, updates)['kernel'].tolist()
    [[-0.5, -0.5, 1.0]]
  """
  masks = {path: m for path, m in (masks or {}).items() if m is not None}
  names = {path: (groups or {}).get(path, path) for path in indices}
  rule = tuple(
    (name, tuple(sorted(path for path in names if names[path] == name)))
    for name in sorted(set(names.values()))
  )
  _check(indices, clusters, groups or {}, rule)

  def init(params):
    _fit(params, indices)
    masks_lib.pick(params, masks)  # They fit.
    # Copies, as compiled loops take over the buffers of their state.
    kept = {path: jnp.array(mask, bool) for path, mask in masks.items()}
    members = {path: jnp.array(i, jnp.uint8) for path, i in indices.items()}
    firsts = {
      name: _firsts(paths, members, kept, clusters[paths[0]])
      for name, paths in rule
    }
    return State(members, firsts, kept, optimizer.init(params))

  extra = isinstance(optimizer, optax.GradientTransformationExtraArgs)
  update = _update(optimizer.update, extra, rule)
  return optax.GradientTransformationExtraArgs(init, update)


@functools.lru_cache(maxsize=64)
def _update(inner_update: Callable, extra: bool, rule: _Groups) -> Callable:
  def update(grads, state, params=None, **kwargs):
    if params is None:
      raise errors.UserError(
        'tied clusters need the parameters: call update(grads, state, params)'
      )
    grads = masks_lib.apply(grads, state.masks)
    slopes = masks_lib.pick(grads, state.indices)
    for name, paths in rule:
      summed = _summed(paths, slopes, state.indices, state.firsts[name].size)
      slopes |= {
        path: summed[state.indices[path]].astype(slopes[path].dtype)
        for path in paths
      }
    grads = masks_lib.apply(masks_lib.replace(grads, slopes), state.masks)
    updates, inner = inner_update(
      grads, state.inner, params, **(kwargs if extra else {})
    )
    steps = masks_lib.pick(updates, state.indices)
    for name, paths in rule:
      flat = jnp.concatenate([steps[path].ravel() for path in paths])
      moves = flat[state.firsts[name]]
      steps |= {path: moves[state.indices[path]] for path in paths}
    updates = masks_lib.replace(updates, steps)
    weights = masks_lib.pick(params, state.masks)
    steps = {
      path: jnp.where(state.masks[path], step, -weights[path])
      for path, step in masks_lib.pick(updates, state.masks).items()
    }
    return masks_lib.replace(updates, steps), state._replace(inner=inner)

  return update


def _summed(paths, slopes, indices, k):
  """The gradients of the members of each cluster together, float32 [k]."""
  return sum(
    jnp.zeros(k).at[indices[path]].add(slopes[path].astype(jnp.float32))
    for path in paths
  )


def _firsts(paths, indices, masks, k):
  """The place of a living member of each cluster, of any where none lives."""
  members = jnp.concatenate([indices[path].ravel() for path in paths])
  living = jnp.concatenate(
    [
      masks.get(path, jnp.ones(indices[path].shape, bool)).ravel()
      for path in paths
    ]
  )
  places = jnp.where(living, jnp.arange(members.size), members.size)
  firsts = jnp.full(k, members.size - 1).at[members].min(places)
  return firsts.astype(jnp.int32)


def _fit(params, indices):
  leaves = masks_lib.flatten(params)
  for path, members in indices.items():
    if path not in leaves:
      raise errors.unknown('clustered kernel', path, leaves)
    if leaves[path].shape != members.shape:
      raise errors.UserError(
        f'indices have the shape of their kernel; {path} is '
        f'{leaves[path].shape} and its indices {members.shape}'
      )


def _check(indices, clusters, groups, rule):
  for path in groups:
    if path not in indices:
      raise errors.unknown('clustered kernel', path, indices)
  for name, paths in rule:
    for path in paths:
      if path not in clusters:
        raise errors.UserError(f'say how many clusters {path!r} has')
      kmeans.check(clusters[path])
      most = int(np.max(np.asarray(indices[path]), initial=0))
      if most >= clusters[path]:
        raise errors.UserError(
          f'{path!r} has {clusters[path]} clusters, and an index {most}'
        )
    sizes = sorted({clusters[path] for path in paths})
    if len(sizes) > 1:
      raise errors.UserError(
        f'kernels that share the codebook {name!r} have one number of '
        f'clusters; got {sizes}'
      )
