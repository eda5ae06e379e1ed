"""The form of a step."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any, ClassVar

from effnas import errors
from effnas.recipe import context as context_lib
from effnas.recipe import network as network_lib


class Unplanned(errors.UserError):
  """What a step makes of a network is known after the training only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
  """A step of a recipe: a frozen dataclass of plain settings.

  Attributes:
    epochs: Of fine-tuning; 0 is none.
    lr: Highest learning rate of it; None is the config's.
  """

  epochs: int = 0
  lr: float | None = None
  # Name of a step -> why this one makes no sense after it.
  refuses: ClassVar[Mapping[str, str]] = {}

  def __post_init__(self):
    """Checks the settings."""
    if isinstance(self.epochs, bool) or not isinstance(self.epochs, int):
      raise errors.UserError(
        f'epochs is a whole number from 0; got {self.epochs!r}'
      )
    if self.epochs < 0:
      raise errors.UserError(f'epochs is 0 or more; got {self.epochs!r}')
    if self.lr is not None and not self.lr > 0:
      raise errors.UserError(f'lr is more than 0, or None; got {self.lr!r}')

  @property
  def name(self) -> str:
    """What the step is called: its file."""
    return type(self).__module__.rpartition('.')[2]

  def plan(
    self,
    network: network_lib.Network,
    input_shape: Sequence[int],
    dtype: Any,
  ) -> network_lib.Network:
    """Returns what the step makes of a plan; nothing is computed.

    Args:
      network: The plan so far.
      input_shape: Of one example, without the batch.
      dtype: Of the inputs.

    Raises:
      Unplanned: What comes of it is not known before the training.
      UserError: The settings do not fit the network.
    """
    raise TypeError(f'{self.name} does not say what it plans')

  def structure(
    self,
    network: network_lib.Network,
    input_shape: Sequence[int],
    dtype: Any,
  ) -> network_lib.Network:
    """Returns the network and shapes of `plan`; its file may have any size.

    Args:
      network: The plan so far.
      input_shape: Of one example, without the batch.
      dtype: Of the inputs.

    Raises:
      Unplanned: Which variables there are follows from trained values.
      UserError: The settings do not fit the network.
    """
    return self.plan(network, input_shape, dtype)

  def run(
    self, network: network_lib.Network, context: context_lib.Context
  ) -> network_lib.Network:
    """Returns what the step makes of a network.

    Args:
      network: The network so far; not converted.
      context: Data, and how to train.

    Raises:
      UserError: The settings do not fit the network.
    """
    raise TypeError(f'{self.name} does not say what it does')
