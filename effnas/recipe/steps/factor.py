"""Dense and convolution layers become products of thinner ones."""

import dataclasses
from typing import Any

from effnas import errors
from effnas.compress import structured
from effnas.compress.lowrank import factored, grown, ranks
from effnas.nn import rewrite
from effnas.recipe import network as network_lib
from effnas.recipe import step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Factor(step.Step):
  """Factors layers by SVD or Tucker-2; one of rank, energy and share is given.

  Attributes:
    rank: Channels between: a number, a pair for convolutions with a window, or
      a share of each layer's channels below 1.
    energy: Share of each kernel's squared norm that is kept, above 0 to 1.
    share: Of the network's parameters that is left, above 0 to 1.
    pattern: On the paths of the layers.

  Reference:
    See `effnas.compress.lowrank.factored`
  """

  rank: Any = None
  energy: float | None = None
  share: float | None = None
  pattern: str = '*'
  refuses = {
    'factor': 'the layers are factored already',
    'prune': 'products of sparse kernels are dense; factor before',
    'regrow': 'products of sparse kernels are dense; factor before',
    'cluster': 'factors of clustered kernels are not clustered; factor before',
    'quantize': 'kernels are integers by then; factor before',
    'encode': 'the file is coded by then; factor before',
  }

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    given = [v for v in (self.rank, self.energy, self.share) if v is not None]
    if len(given) != 1:
      raise errors.UserError(
        'one of rank, energy and share says how far layers are factored; got '
        f'{len(given)} of them'
      )
    if isinstance(self.rank, float) and not 0 < self.rank < 1:
      raise errors.UserError(
        f'a rank is a whole number, or a share below 1; got {self.rank!r}'
      )

  def plan(self, network, input_shape, dtype):
    """See `Step`."""
    if self.rank is None:
      raise step.Unplanned(
        'ranks by energy or share are known after the training only: set rank'
      )
    rules = self._of_rank(network.net.model, input_shape, dtype)
    model = _grown(network.net.model, rules)
    abstract = rewrite.abstract_variables(model, input_shape, dtype)
    return _with(network, rules, abstract, input_shape, dtype)

  def run(self, network, context):
    """See `Step`."""
    model, variables = network.net.model, network.variables
    shape, dtype = context.inputs
    rules: tuple[factored.Factored, ...] = ()
    if self.rank is not None:
      rules = self._of_rank(model, shape, dtype)
    elif self.energy is not None:
      rules = ranks.by_energy(
        model, variables, self.energy, shape, self.pattern, dtype
      )
    elif self.share is not None:
      rules = ranks.by_budget(
        model, variables, self.share, shape, self.pattern, dtype
      )
    _, variables = factored.convert(model, variables, rules, shape, dtype)
    found = _with(network, rules, variables, shape, dtype)
    if self.epochs:
      fitted = context.fit(self.name, found, epochs=self.epochs, lr=self.lr)
      found = found.replace(variables=fitted.variables)
    return found

  def _of_rank(self, model, input_shape, dtype):
    """The rules of `rank`, for layers that become smaller by it."""
    rank = tuple(self.rank) if isinstance(self.rank, list) else self.rank
    rules = (factored.Factored(self.pattern, rank),)
    if not isinstance(rank, float):
      return rules
    flat = rewrite.abstract_variables(model, input_shape, dtype)['params']
    found = []
    layers = grown.found(model, rules, input_shape, dtype)
    for path, (_, layer) in layers.items():
      kernel = network_lib.at(flat, f'{path}/kernel' if path else 'kernel')
      *_, inputs, outputs = kernel.shape
      both = max(1, round(rank * inputs)), max(1, round(rank * outputs))
      windowed = factored.windowed(layer)
      chosen = both if windowed else min(both)
      rule = factored.Factored(path, chosen)
      if rule.params(kernel.shape) < kernel.size:
        found.append(rule)
    if not found:
      raise errors.UserError(
        f'a rank of {rank} of the channels makes no layer smaller; lower it'
      )
    return tuple(found)


def _grown(model, rules):
  """The model of factored layers; what narrows it stays around them."""
  if isinstance(model, structured.Narrowed):
    return model.clone(base=grown.Grown(model.base, rules))
  return grown.Grown(model, rules)


def _with(network, rules, variables, input_shape, dtype):
  """The network of factored layers; quantization sees the factors alone."""
  model = network.net.model
  wrapped = grown.paths(model, rules, input_shape, dtype)
  return network.replace(
    net=rewrite.Rewritten(
      _grown(model, rules), network_lib.apart(network.net.rules, wrapped)
    ),
    variables=variables,
  )
