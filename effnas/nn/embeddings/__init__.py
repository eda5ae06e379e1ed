"""Embeddings for language: tokens in, vectors out, a file per kind.

An embedding is a Linen module

    embedding(tokens): integers [N, T] -> [N, T, F]

with a default for each field, among them `features`, F, and `vocabulary`, V.
Its file has a function `variants()`. Add a kind by adding a file: tests find
it here and hold it to its docstring, whose section Cost is run as Python.
"""

from flax import linen

from effnas.nn import variants as variants_lib


def variants() -> dict[str, linen.Module]:
  """Returns every embedding of this folder in its published forms.

  Example:
    >>> variants()['table']
    Table(...)
  """
  return variants_lib.found(__name__, __path__)
