"""Single weights become and stay zero."""

from collections.abc import Sequence
import dataclasses
from typing import Any

from effnas import errors
from effnas.compress import pruning
from effnas.recipe import network as network_lib
from effnas.recipe import step

_SCHEDULES = ('cubic', 'iterative', 'one_shot')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prune(step.Step):
  """Prunes by a criterion, while it trains or, without epochs, at once.

  Attributes:
    sparsity: Share of the selected kernels' weights that is zero in the end.
    criterion: 'magnitude', 'random', 'snip', 'taylor', 'fisher', 'movement'.
    schedule: 'cubic', 'iterative' or 'one_shot', over the epochs.
    end: Share of the epochs after which nothing more is pruned.
    rounds: How many times masks are renewed until then.
    budget: 'uniform', 'erk', or 'global', which no plan knows.
    nm: (n, m): at most n of m neighbours along the inputs live; the sparsity is
      then 1 - n / m.
    block: (inputs, outputs): blocks of so many die together.
    only: Patterns on paths: which kernels.
    keep: Patterns of kernels that are left alone.
    thin: Kernels with up to so many inputs are left alone.
    depthwise: Whether depthwise kernels are pruned.
    rewind: Whether the pruned network starts anew from its first weights, as a
      lottery ticket; the epochs are those of the ticket.
    examples: Of the training split whose gradients are looked at where it
      prunes at once.
    seed: Of 'random'.

  Reference:
    Zhu and Gupta, 2017, https://arxiv.org/abs/1710.01878 (cubic); see
    `effnas.compress.pruning` for the others
  """

  sparsity: float
  criterion: str = 'magnitude'
  schedule: str = 'cubic'
  end: float = 0.75
  rounds: int = 10
  budget: str = 'uniform'
  nm: tuple[int, int] | None = None
  block: tuple[int, int] | None = None
  only: Sequence[str] = ('*kernel',)
  keep: Sequence[str] = ()
  thin: int = 4
  depthwise: bool = False
  rewind: bool = False
  examples: int = 512
  seed: int = 0
  refuses = {
    'prune': "one step prunes; schedule='iterative' does it in rounds",
    'regrow': 'the network is sparse already',
    'cluster': 'centroids are means of weights that live; prune before',
    'quantize': 'kernels are integers by then; prune before',
    'encode': 'the file is coded by then; prune before',
  }

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    if self.schedule not in _SCHEDULES:
      raise errors.unknown('schedule', self.schedule, _SCHEDULES)
    if not 0 < self.end <= 1:
      raise errors.UserError(
        f'end is a share of the epochs, above 0 to 1; got {self.end!r}'
      )
    if self.nm is not None and self.block is not None:
      raise errors.UserError(
        f'nm or block, not both; got {self.nm} and {self.block}'
      )
    for name in ('nm', 'block'):
      _pair(name, getattr(self, name))
    if self.rounds < 1:
      raise errors.UserError(f'rounds is 1 or more; got {self.rounds!r}')
    if self.rewind and not self.epochs:
      raise errors.UserError('rewind needs training: set epochs to 1 or more')
    self.selection  # noqa: B018, it checks

  @property
  def selection(self) -> pruning.Selection:
    """How many weights die, in which pattern, among which."""
    kernels = pruning.Kernels(self.only, self.keep, self.thin, self.depthwise)
    pattern: Any = pruning.Unstructured()
    if self.nm is not None:
      pattern = pruning.NM(*self.nm)
    elif self.block is not None:
      pattern = pruning.Block(*self.block)
    return pruning.Selection(self.sparsity, self.budget, pattern, kernels)

  def plan(self, network, input_shape, dtype):
    """See `Step`."""
    del input_shape, dtype
    if self.budget == 'global':
      raise step.Unplanned(
        'how a global budget is shared out is known after the training only: '
        "take budget 'uniform' or 'erk'"
      )
    weights = self.selection.kernels.select(network.variables['params'])
    return network.replace(masks=self.selection.living(weights))

  def structure(self, network, input_shape, dtype):
    """See `Step`: kernels keep their shapes, however many weights live."""
    if self.budget == 'global':
      return network
    return self.plan(network, input_shape, dtype)

  def run(self, network, context):
    """See `Step`."""
    if self.epochs and not self.rewind:
      fitted = context.fit(
        self.name, network, epochs=self.epochs, lr=self.lr, wrap=self.optimizer
      )
      found = network.replace(variables=fitted.variables)
      return masked(found, fitted.opt_state.masks)
    params = network.variables['params']
    gradient, batches = context.gradients(network, self.examples)
    scores = pruning.estimate(
      self.criterion, params, gradient, batches, self.seed
    )
    found = masked(
      network,
      self.selection.choose(
        pruning.pick(scores, self.selection.kernels.select(params))
      ),
    )
    if not self.rewind:
      return found
    # The seed of the training draws the same weights again.
    fitted = context.fit(
      self.name, found, epochs=self.epochs, lr=self.lr, restart=True
    )
    return masked(found.replace(variables=fitted.variables), found.masks)

  def optimizer(self, optimizer: Any, steps: int) -> Any:
    """Returns an optimiser that prunes; see `effnas.train.fit`."""
    return pruning.prune(
      optimizer,
      self.sparsity,
      schedule=self._schedule(steps),
      criterion=self.criterion,
      budget=self.budget,
      pattern=self.selection.pattern,
      kernels=self.selection.kernels,
      seed=self.seed,
    )

  def _schedule(self, steps: int) -> Any:
    last = max(1, min(round(self.end * steps), steps - 1))
    every = max(1, last // self.rounds)
    if self.schedule == 'one_shot':
      return pruning.OneShot(last)
    if self.schedule == 'iterative':
      return pruning.Iterative(every, every, max(1, last // every))
    return pruning.Cubic(0, last, every)


def masked(network: network_lib.Network, masks: Any) -> network_lib.Network:
  """Returns a network whose dead weights are zero, for good."""
  masks = {**network.masks, **masks}
  params = pruning.apply(network.variables['params'], masks)
  return network.replace(
    variables={**network.variables, 'params': params}, masks=masks
  )


def _pair(name: str, value: Any) -> None:
  """Raises a UserError where a pattern is no pair of whole numbers."""
  if value is None:
    return
  if not isinstance(value, tuple) or [type(n) for n in value] != [int, int]:
    raise errors.UserError(
      f'{name} is a pair of whole numbers, as (2, 4); got {value!r}'
    )
