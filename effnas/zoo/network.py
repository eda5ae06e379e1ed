"""What the zoo says of a published network."""

from collections.abc import Callable, Collection
import dataclasses
import functools
import inspect

from flax import linen


@dataclasses.dataclass(frozen=True)
class Input:
  """What a network, or each network of a space, takes.

  Attributes:
    shape: Of one example, without the batch.
    dtype: 'float32', or 'int32' for tokens.
  """

  shape: tuple[int, ...]
  dtype: str = 'float32'


@dataclasses.dataclass(frozen=True)
class Network:
  """A published network.

  Attributes:
    build: Returns the Linen module; keyword arguments override what the
      published one has, e.g. `classes`.
    input_shape: Of one example at the published size, without the batch.
    paper: Authors, year, title and address.
    input_dtype: 'float32', or 'int32' for tokens.
    torch: How timm names its weights, see `effnas.zoo.pytorch`; None where
      none can be brought in.
  """

  build: Callable[..., linen.Module]
  input_shape: tuple[int, ...]
  paper: str
  input_dtype: str = 'float32'
  torch: Callable[[str, Collection[str]], str | None] | None = None

  def __post_init__(self):
    # Arguments by name, so that those of `build` override each of them.
    build = self.build
    if isinstance(build, functools.partial):
      bound = inspect.signature(build.func).bind_partial(
        *build.args, **build.keywords
      )
      named = functools.partial(build.func, **bound.arguments)
      object.__setattr__(self, 'build', named)
