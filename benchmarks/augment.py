"""Augmentations of a batch of 128 images of CIFAR's size, one at a time.

python benchmarks/augment.py

Jitted, all in turn in one run; dm-pix and torchvision (its transforms version
2, one image after another as its loaders apply them) are compared where they
are installed. Takes seconds.
"""

import jax
import numpy as np
import timing

from effnas.learn import augment

try:
  import dm_pix
except ImportError:
  dm_pix = None
try:
  import torch
  from torchvision.transforms import v2
except (ImportError, RuntimeError):  # the latter: of another torch
  v2 = None

_N = 128


def _ours(name, pixels, floats, labels):
  takes = augment.find(name).takes
  x = jax.device_put(pixels if takes == 'pixels' else floats)
  run = jax.jit(augment.make([name], classes=10))
  return lambda: jax.block_until_ready(run(jax.random.key(0), x, labels))


def _pix(name, floats):
  one = {
    'flip': dm_pix.random_flip_left_right,
    'rotate': lambda key, x: dm_pix.rotate(
      x, jax.random.uniform(key, minval=-0.26, maxval=0.26)
    ),
  }.get(name)
  if one is None:
    return None
  x = jax.device_put(floats)
  run = jax.jit(lambda key, x: jax.vmap(one)(jax.random.split(key, _N), x))
  return lambda: jax.block_until_ready(run(jax.random.key(0), x))


def _torch(name, pixels):
  kinds = {
    'flip': v2.RandomHorizontalFlip,
    'crop': lambda: v2.RandomCrop(32, padding=4),
    'rotate': lambda: v2.RandomRotation(15, v2.InterpolationMode.BILINEAR),
    'colour': lambda: v2.ColorJitter(0.4, 0.4, 0.4),
    'erasing': v2.RandomErasing,
    'randaugment': v2.RandAugment,
    'trivialaugment': v2.TrivialAugmentWide,
    'autoaugment': lambda: v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10),
  }
  if name not in kinds:
    return None
  one = kinds[name]()
  images = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
  return lambda: [one(image) for image in images]


def main():
  """Prints a row per augmentation."""
  print(f'jax {jax.__version__} on {jax.devices()[0].device_kind}; us an image')
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (_N, 32, 32, 3)).astype(np.uint8)
  floats = rng.normal(size=pixels.shape).astype(np.float32)
  labels = jax.device_put(rng.integers(0, 10, _N).astype(np.int32))
  for name in augment.names():
    if name == 'hardest' or augment.find(name).takes == 'tokens':
      continue
    runs = {
      'ours': _ours(name, pixels, floats, labels),
      'dm-pix': _pix(name, floats) if dm_pix else None,
      'torchvision': _torch(name, pixels) if v2 else None,
    }
    found = timing.medians({k: run for k, run in runs.items() if run})
    ours = found.pop('ours')
    row = f'{name:15} {1e3 * ours / _N:8.2f}'
    for peer, ms in found.items():
      row += f'  {peer} {1e3 * ms / _N:.2f} ({ms / ours:.1f} times)'
    print(row, flush=True)


if __name__ == '__main__':
  main()
