"""Depthwise convolution, forward and both gradients: ours, lax and PyTorch.

python benchmarks/depthwise.py

One jitted layer at a time, all in turn in one run. PyTorch (channels-last) is
compared where it is installed. Takes a minute or two on two cores.
"""

import jax
from jax import lax
import jax.numpy as jnp
import timing

from effnas.nn import convolve

try:
  import torch
except ImportError:
  torch = None

# (N, H, W, C), kernel, stride, dilation, dtype.
_LAYERS = (
  ((64, 32, 32, 64), 3, 1, 1, 'float32'),
  ((64, 16, 16, 96), 5, 1, 1, 'float32'),
  ((64, 8, 8, 320), 3, 1, 1, 'float32'),
  ((64, 8, 8, 320), 5, 1, 1, 'float32'),
  ((64, 32, 32, 96), 3, 2, 1, 'float32'),
  ((64, 16, 16, 96), 3, 1, 2, 'float32'),
  ((64, 16, 16, 96), 7, 1, 1, 'float32'),
  ((64, 16, 16, 96), 11, 1, 1, 'float32'),
  ((1, 56, 56, 144), 3, 1, 1, 'float32'),
  ((64, 16, 16, 96), 5, 1, 1, 'bfloat16'),
)


def _jax(convolution, shape, kernel, stride, dilation, dtype):
  """Returns a function that runs the layer and waits for it."""
  channels = shape[-1]
  x = jax.random.normal(jax.random.key(0), shape, dtype)
  w = jax.random.normal(jax.random.key(1), (kernel, kernel, 1, channels), dtype)
  pad = dilation * (kernel - 1) // 2
  numbers = lax.conv_dimension_numbers(
    x.shape, w.shape, ('NHWC', 'HWIO', 'NHWC')
  )

  def layer(x, w):
    return convolution(
      x,
      w,
      (stride, stride),
      ((pad, pad), (pad, pad)),
      rhs_dilation=(dilation, dilation),
      dimension_numbers=numbers,
      feature_group_count=channels,
    )

  @jax.jit
  def run(x, w):
    y, gradient = jax.vjp(layer, x, w)
    return y, *gradient(jnp.ones_like(y))

  return lambda: jax.block_until_ready(run(x, w))


def _torch(shape, kernel, stride, dilation, dtype):
  n, height, width, channels = shape
  layout = torch.channels_last
  kind = getattr(torch, dtype)
  x = torch.randn(n, channels, height, width, dtype=kind)
  x = x.to(memory_format=layout).requires_grad_()
  layer = torch.nn.Conv2d(
    channels,
    channels,
    kernel,
    stride,
    dilation * (kernel - 1) // 2,
    dilation,
    groups=channels,
    bias=False,
    dtype=kind,
  ).to(memory_format=layout)
  ones = torch.ones_like(layer(x))

  def run():
    x.grad = layer.weight.grad = None
    layer(x).backward(ones)

  return run


def main():
  """Prints a row per layer."""
  print(f'jax {jax.__version__} on {jax.devices()[0].device_kind}', end='')
  print(f', torch {torch.__version__}' if torch else ', no torch')
  print('milliseconds, forward + both gradients; ratios over ours\n')
  print(
    f'{"input":>18} {"kernel":>6} {"stride":>6} {"dilation":>8} {"dtype":>9} '
    f'{"ours":>7} {"lax":>8} {"ratio":>6}'
    + (f' {"torch":>7} {"ratio":>6}' if torch else '')
  )
  for layer in _LAYERS:
    runs = {
      'ours': _jax(convolve.conv_general_dilated, *layer),
      'lax': _jax(lax.conv_general_dilated, *layer),
    }
    if torch:
      runs['torch'] = _torch(*layer)
    found = timing.medians(runs)
    shape, *rest = layer
    row = '{:>18} {:>6} {:>6} {:>8} {:>9}'.format(
      ' x '.join(map(str, shape)).replace(' ', ''), *rest
    )
    row += f' {found["ours"]:7.2f}'
    for peer in list(runs)[1:]:
      width = 8 if peer == 'lax' else 7
      row += f' {found[peer]:{width}.2f} {found[peer] / found["ours"]:6.1f}'
    print(row, flush=True)


if __name__ == '__main__':
  main()
