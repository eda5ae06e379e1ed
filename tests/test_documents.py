"""What the documents show is run: Python blocks, in order, page by page."""

import importlib
import pathlib
import re
import sys

import jax
import numpy as np
import pytest

from effnas.nn import blocks

ROOT = pathlib.Path(__file__).parent.parent
GUIDE = ROOT / 'docs' / 'adding_a_block.md'


def _python(page):
  return re.findall(r'^```python\n(.*?)^```', page.read_text(), re.M | re.S)


def test_the_spaces_of_the_readme_build():
  (shown,) = _python(ROOT / 'README.md')
  names = {}
  exec(shown, names)
  _build(names['space'])


@pytest.fixture
def asymmetric(tmp_path, monkeypatch):
  """The block of the guide, in a folder that stands for the package's own."""
  (tmp_path / 'asymmetric.py').write_text(_python(GUIDE)[0])
  monkeypatch.setattr(blocks, '__path__', [*blocks.__path__, str(tmp_path)])
  yield importlib.import_module('effnas.nn.blocks.asymmetric')
  del sys.modules['effnas.nn.blocks.asymmetric'], blocks.asymmetric


def test_the_block_of_the_guide_is_found_and_costs_what_it_says(
  asymmetric, monkeypatch
):
  monkeypatch.syspath_prepend(ROOT / 'tests' / 'nn')
  import formula

  from effnas import footprint

  block = blocks.variants()['asymmetric'].copy(features=12, stride=2)
  counted = footprint.measure(block, (9, 7, 4))['macs']
  assert counted == formula.of(block, (9, 7, 4), (5, 4, 12))['MACs']


def test_the_space_of_the_guide_builds(asymmetric):
  names = {}
  exec(_python(GUIDE)[1], names)
  _build(names['space'])


def _build(space):
  model = space.build(space.sample(np.random.default_rng(0)))['model']
  x = jax.ShapeDtypeStruct((1, 16, 16, 3), np.float32)
  y, _ = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
  assert y.shape == (1, 10)
