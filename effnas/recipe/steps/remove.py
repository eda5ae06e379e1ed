"""Channels, attention heads and blocks are taken out."""

from collections.abc import Sequence
import dataclasses
import functools

import jax
import numpy as np

from effnas import errors
from effnas.compress import structured
from effnas.nn import rewrite
from effnas.recipe import step

_CRITERIA = ('magnitude', 'norm_scale', 'random', 'taylor')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remove(step.Step):
  """Removes coupled units; what is left is a smaller network of the family.

  Attributes:
    sparsity: Share of the units that goes.
    layers: Paths of blocks that go as a whole, see
      `effnas.compress.structured.layers`.
    criterion: 'magnitude', 'norm_scale', 'taylor' or 'random'.
    scope: 'group', each group loses that share; 'global', the lowest scores of
      all, which no plan knows.
    only: Patterns on the names of groups: which are cut.
    leave: Patterns of groups that stay whole.
    round_to: Units to keep are multiples of it.
    examples: Of the training split whose gradients 'taylor' looks at.
    seed: Of 'random'.

  Reference:
    Li et al., 2017, https://arxiv.org/abs/1608.08710; Liu et al., 2017, Network
    Slimming, https://arxiv.org/abs/1708.06519 (norm_scale);
    Molchanov et al., 2019, https://arxiv.org/abs/1906.10771 (taylor)
  """

  sparsity: float = 0.0
  layers: Sequence[str] = ()
  criterion: str = 'magnitude'
  scope: str = 'group'
  only: Sequence[str] = ()
  leave: Sequence[str] = ()
  round_to: int = 1
  examples: int = 512
  seed: int = 0
  refuses = {
    'remove': 'one step removes; its sparsity and layers say how much',
    'factor': 'layers are factors by then; remove before',
    'prune': 'masks are of whole kernels; remove before',
    'regrow': 'masks are of whole kernels; remove before',
    'cluster': 'clusters are of whole kernels; remove before',
    'quantize': 'kernels are integers by then; remove before',
    'encode': 'the file is coded by then; remove before',
  }

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    if self.criterion not in _CRITERIA:
      raise errors.unknown('criterion', self.criterion, _CRITERIA)
    if not 0 <= self.sparsity < 1:
      raise errors.UserError(
        'sparsity is the share of units that go, from 0 to less than 1; got '
        f'{self.sparsity!r}'
      )
    if not self.sparsity and not self.layers:
      raise errors.UserError('remove needs a sparsity above 0, or layers')

  def plan(self, network, input_shape, dtype):
    """See `Step`."""
    if self.sparsity and self.scope == 'global':
      raise step.Unplanned(
        'how many units a global scope leaves to each group is known after the '
        "training only: take scope='group'"
      )
    model, shapes = self._without_layers(network, input_shape, dtype)
    if self.sparsity:
      groups = self._groups(model, input_shape, dtype)
      counts = structured.counts(
        groups, self.sparsity, self.round_to, leave=self.leave
      )
      model, shapes = structured.shrink(
        model, groups, counts, input_shape, dtype
      )
    return _with(network, model, shapes)

  def run(self, network, context):
    """See `Step`."""
    shape, dtype = context.inputs
    model, variables = self._without_layers(network, shape, dtype)
    if self.sparsity:
      groups = self._groups(model, shape, dtype)
      kept = structured.select(
        groups,
        self._scores(_with(network, model, variables), groups, context),
        self.sparsity,
        self.scope,
        self.round_to,
        leave=self.leave,
      )
      model, variables = structured.remove(
        model, variables, groups, kept, shape, dtype
      )
    found = _with(network, model, variables)
    if self.epochs:
      fitted = context.fit(self.name, found, epochs=self.epochs, lr=self.lr)
      found = found.replace(variables=fitted.variables)
    return found

  def _without_layers(self, network, input_shape, dtype):
    model, variables = network.net.model, network.variables
    if not self.layers:
      return model, variables
    return structured.remove_layers(
      model, variables, self.layers, input_shape, dtype
    )

  def _groups(self, model, input_shape, dtype):
    if self.only:
      return structured.choose(model, input_shape, self.only, dtype)
    return structured.groups(model, input_shape, dtype)

  def _scores(self, network, groups, context):
    params = network.variables['params']
    if self.criterion == 'random':
      return structured.random(groups, np.random.default_rng(self.seed))
    if self.criterion == 'norm_scale':
      return structured.norm_scale(params, groups)
    if self.criterion == 'magnitude':
      return structured.magnitude(params, groups)
    gradient, batches = context.gradients(network, self.examples)
    every = jax.lax.map(functools.partial(gradient, params), batches)
    total = jax.tree.map(lambda g: g.sum(0), every)
    return structured.taylor(params, total, groups)


def _with(network, model, variables):
  net = rewrite.Rewritten(model, network.net.rules)
  return network.replace(net=net, variables=variables)
