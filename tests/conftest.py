"""What tests of several rooms need."""

import gc
import importlib
import importlib.metadata
import os
import sys

import numpy as np
import PIL.Image
import pytest

# Nearly every program of a test runs once, and compiling takes much longer than
# running: the compiler need not optimise (set before JAX starts; what is
# already in the variable wins).
_FLAGS = ['--xla_backend_optimization_level=0']
_JAXLIB = importlib.metadata.version('jaxlib').split('.')
if tuple(map(int, _JAXLIB[:2])) < (0, 11):  # XLA ends at a flag it lacks.
  _FLAGS.append('--xla_cpu_use_fusion_emitters=false')
os.environ['XLA_FLAGS'] = ' '.join([*_FLAGS, os.environ.get('XLA_FLAGS', '')])
# JAX keeps many objects, which Python would go through again and again.
gc.set_threshold(50_000, 20, 50)


@pytest.fixture
def modules_of(monkeypatch):
  """Imports modules of a folder by name, and forgets them after the test.

  Experiments are scripts that lie beside each other's modules: names like
  'plot' stand in several of them.
  """
  kept, own = {}, set()

  def load(folder, names):
    monkeypatch.syspath_prepend(str(folder))
    mine = {file.stem for file in folder.glob('*.py')}
    kept.update(
      {name: sys.modules.pop(name) for name in mine & set(sys.modules)}
    )
    own.update(mine)
    return {name: importlib.import_module(name) for name in names}

  yield load
  for name in own:
    sys.modules.pop(name, None)
  sys.modules.update(kept)


@pytest.fixture
def write_images():
  """Writes ROOT/PART/CLASS/I.JPEG, of ImageNet's layout and many sizes.

  Colours tell the classes apart, under noise that tells the images apart.
  """

  def write(root, counts, sides=(20, 60), classes=('ant', 'bee', 'cow')):
    rng = np.random.default_rng(0)
    for part, count in counts.items():
      for label, name in enumerate(classes):
        folder = root / part / name
        folder.mkdir(parents=True)
        for i in range(count):
          height, width = rng.integers(*sides, 2)
          pixels = rng.integers(0, 100, (height, width, 3))
          pixels[..., label % 3] += 150
          image = PIL.Image.fromarray(pixels.astype(np.uint8))
          image.save(folder / f'{i:03}.JPEG', quality=95)
    return str(root)

  return write
