"""A space of which some archs cannot be traced."""

from flax import linen

from effnas import space as sp


class Pooled(linen.Module):
  """A classifier of maps that a window may be too large for."""

  window: int

  @linen.compact
  def __call__(self, x):
    window = (self.window, self.window)
    x = linen.max_pool(x, window, strides=window)
    if not x.size:
      raise TypeError(f'a window of {window} on a smaller map\nand so on')
    return linen.Dense(10)(x.reshape(len(x), -1))


def space(windows):
  return sp.Space({'model': Pooled(sp.oneof(*windows))})
