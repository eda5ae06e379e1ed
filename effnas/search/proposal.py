"""What a scheduler decides on: the next trial."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Proposal(NamedTuple):
  """A trial to be.

  Attributes:
    arch: The architecture.
    epochs: Where its training ends for now; None is all of its epochs.
    parent: The id of the done trial whose training it goes on with.
  """

  arch: Mapping[str, Any]
  epochs: int | None = None
  parent: int | None = None


class NothingNew(Exception):
  """No architecture that is new and meets the constraints was found."""
