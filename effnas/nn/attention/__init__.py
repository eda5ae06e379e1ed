"""Kinds of attention: how positions, or channels, are mixed, a file each.

A mixer is a Linen module that `effnas.nn.multi_head.MultiHeadAttention` puts
between its projections:

    mixer(q, k, v, grid): [B, T, H, D], [B, T, G, D], [B, T, G, E] and the
      shape of the grid whose T positions these are -> [B, T, H, E]

with a default for each field. H is a multiple of G, the heads of keys and
values (`heads.match` repeats those where a mixer does not do so by itself);
a mixer that needs E = D says so. The grid, (T,) of a sequence and (height,
width) of a map, matters only to mixers that know distances; the others take
the positions in row-major order. A file has a function `variants()`; a mixer
that has a field `causal` must never let a position see a later one. Add a kind
by adding a file: tests find it here and hold it to its docstring, whose section
Cost is run as Python. Beside its fields it can name grid, T, heads, kv (G), D
and E.
"""

from flax import linen

from effnas.nn import variants as variants_lib


def variants() -> dict[str, linen.Module]:
  """Returns every mixer of this folder in its published forms.

  Example:
    >>> variants()['softmax']
    Softmax(...)
  """
  return variants_lib.found(__name__, __path__)
