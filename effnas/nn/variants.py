"""Finds the modules that the files of a folder offer under a name."""

from collections.abc import Sequence
import importlib
import pkgutil

from flax import linen


def found(package: str, path: Sequence[str]) -> dict[str, linen.Module]:
  """Collects what each file's `variants()` returns.

  Args:
    package: Name of the package whose files are looked through.
    path: Its `__path__`.

  Returns:
    Name of the variant -> a module with that variant's fields, sorted.

  Example:
    >>> from effnas.nn import blocks
    >>> found('effnas.nn.blocks', blocks.__path__)['mobilenet_v2'].expand
    6
  """
  variants: dict[str, linen.Module] = {}
  for info in pkgutil.iter_modules(path):
    file = importlib.import_module(f'{package}.{info.name}')
    variants.update(file.variants())
  return dict(sorted(variants.items()))
