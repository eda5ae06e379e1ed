"""Kernels become members of a few clusters."""

import dataclasses
import fnmatch

from effnas import errors
from effnas.compress.clustering import codebooks, kmeans
from effnas.recipe import network as network_lib
from effnas.recipe import step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster(step.Step):
  """Clusters kernels by k-means; fine-tuning moves the centroids.

  Attributes:
    clusters: Centroids k of a codebook, 2 to 256.
    pattern: On the paths of parameters.
    shared: Whether all layers share one codebook.
    start: First centroids, as `effnas.compress.clustering.kmeans` names them.
    iterations: The most steps of k-means.
    seed: Of the start 'random'.

  Reference:
    Han et al., 2016, Deep Compression, https://arxiv.org/abs/1510.00149
  """

  clusters: int = 16
  pattern: str = '*kernel'
  shared: bool = False
  start: str = 'best'
  iterations: int = 100
  seed: int = 0
  refuses = {
    'cluster': 'the kernels are clustered already',
    'quantize': 'kernels are integers by then; cluster before',
    'encode': 'the file is coded by then; cluster before',
  }

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    kmeans.check(self.clusters, self.start)

  def plan(self, network, input_shape, dtype):
    """See `Step`."""
    del input_shape, dtype
    paths = [
      path
      for path in network_lib.flat(network.variables['params'])
      if fnmatch.fnmatchcase(path, self.pattern)
    ]
    if not paths:
      raise errors.UserError(f'the pattern {self.pattern!r} takes no parameter')
    return network.replace(
      tied={
        path: network_lib.Tied(
          self.clusters, self.pattern if self.shared else path
        )
        for path in paths
      }
    )

  def run(self, network, context):
    """See `Step`."""
    book = codebooks.Codebook(
      self.pattern,
      self.clusters,
      self.start,
      self.shared,
      self.iterations,
      self.seed,
    )
    clustered = codebooks.cluster(
      network.variables['params'], [book], network.masks
    )
    found = network.replace(
      variables={**network.variables, 'params': codebooks.weights(clustered)},
      tied={
        path: network_lib.Tied(self.clusters, name, clustered.indices[path])
        for path, name in clustered.names
      },
    )
    if self.epochs:
      fitted = context.fit(self.name, found, epochs=self.epochs, lr=self.lr)
      found = found.replace(variables=fitted.variables)
    return found
