"""Sparse training: weights die and others grow in their place."""

from collections.abc import Sequence
import dataclasses
from typing import Any

from effnas import errors
from effnas.compress import pruning
from effnas.recipe import step
from effnas.recipe.steps import prune


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regrow(step.Step):
  """Trains a network anew that is sparse from the first step to the last.

  Attributes:
    sparsity: Share of the selected kernels' weights that is zero throughout.
    kind: 'rigl' (the largest gradients grow) or 'set' (any do).
    budget: 'erk' or 'uniform'.
    every: Steps from change to change.
    end: Share of the steps after which the masks stay.
    fraction: Of the living weights that change at first.
    only: Patterns on paths: which kernels.
    keep: Patterns of kernels that are left alone.
    thin: Kernels with up to so many inputs are left alone.
    depthwise: Whether depthwise kernels are sparse.
    seed: Of all that is random.

  Reference:
    Evci et al., 2020, https://arxiv.org/abs/1911.11134 (RigL); Mocanu et al.,
    2018, https://arxiv.org/abs/1707.04780 (SET)
  """

  sparsity: float
  kind: str = 'rigl'
  budget: str = 'erk'
  every: int = 100
  end: float = 0.75
  fraction: float = 0.3
  only: Sequence[str] = ('*kernel',)
  keep: Sequence[str] = ()
  thin: int = 4
  depthwise: bool = False
  seed: int = 0
  refuses = {
    **prune.Prune.refuses,
    'prune': 'sparse training starts anew and would drop the masks',
    'regrow': 'the network is sparse already',
    'factor': 'sparse training starts anew and would drop the factors',
    'adapt': 'sparse training starts anew and would drop the adapted weights',
    'remove': 'sparse training starts anew and would drop the kept channels',
  }

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    if not self.epochs:
      raise errors.UserError('sparse training needs epochs, 1 or more')
    if not 0 < self.end <= 1:
      raise errors.UserError(
        f'end is a share of the epochs, above 0 to 1; got {self.end!r}'
      )
    pruning.Selection(self.sparsity, self.budget)

  def plan(self, network, input_shape, dtype):
    """See `Step`."""
    del input_shape, dtype
    chosen = pruning.Selection(
      self.sparsity, self.budget, kernels=self._kernels
    )
    weights = self._kernels.select(network.variables['params'])
    return network.replace(masks=chosen.living(weights))

  def run(self, network, context):
    """See `Step`."""
    fitted = context.fit(
      self.name,
      network,
      epochs=self.epochs,
      lr=self.lr,
      wrap=self.optimizer,
      restart=True,
    )
    found = network.replace(variables=fitted.variables)
    return prune.masked(found, fitted.opt_state.masks)

  def optimizer(self, optimizer: Any, steps: int) -> Any:
    """Returns an optimiser of sparse weights; see `effnas.train.fit`."""
    return pruning.regrow(
      optimizer,
      self.sparsity,
      every=min(self.every, max(1, steps // 4)),
      end=max(1, round(self.end * steps)),
      kind=self.kind,
      fraction=self.fraction,
      budget=self.budget,
      kernels=self._kernels,
      seed=self.seed,
    )

  @property
  def _kernels(self):
    return pruning.Kernels(self.only, self.keep, self.thin, self.depthwise)
