"""What the zoo says of a published network."""

from collections.abc import Callable
import dataclasses

from flax import linen


@dataclasses.dataclass(frozen=True)
class Network:
  """A published network.

  Attributes:
    build: Returns the Linen module.
    input_shape: Of one example at the published size, without the batch.
    paper: Authors, year, title and address.
  """

  build: Callable[[], linen.Module]
  input_shape: tuple[int, ...]
  paper: str
