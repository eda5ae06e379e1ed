"""What the documents show is run: Python blocks, in order, page by page."""

import importlib
import json
import os
import pathlib
import re
import sys

import jax
import numpy as np
import pytest

from effnas import footprint, zoo
from effnas import space as space_lib
from effnas.cli import main
from effnas.footprint import weights
from effnas.nn import blocks

ROOT = pathlib.Path(__file__).parent.parent
GUIDE = ROOT / 'docs' / 'adding_a_block.md'
NETWORK_GUIDE = ROOT / 'docs' / 'adding_a_network.md'


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

  block = blocks.variants()['asymmetric'].copy(features=12, stride=2)
  counted = footprint.measure(block, (9, 7, 4))['macs']
  assert counted == formula.of(block, (9, 7, 4), (5, 4, 12))['MACs']


def test_the_space_of_the_guide_builds(asymmetric):
  names = {}
  exec(_python(GUIDE)[1], names)
  _build(names['space'])


def _forget():
  for found in (zoo.networks, zoo.miniatures, zoo.spaces):
    found.cache_clear()


@pytest.fixture
def vgg(tmp_path, monkeypatch):
  """The family of the guide, in a folder that stands for the zoo's own."""
  (tmp_path / 'vgg.py').write_text(_python(NETWORK_GUIDE)[0])
  monkeypatch.setattr(zoo, '__path__', [*zoo.__path__, str(tmp_path)])
  _forget()
  yield
  del sys.modules['effnas.zoo.vgg'], zoo.vgg
  _forget()


def test_the_family_of_the_guide_is_found(vgg):
  published = zoo.load('vgg_2')
  counted = footprint.measure(published.build(classes=5), (32, 32, 3))
  assert counted['params'] == (
    9 * (3 * 16 + 16 * 16 + 16 * 32 + 32 * 32) + 2 * 2 * (16 + 32) + 33 * 5
  )
  assert 'vgg' in zoo.miniatures()
  found = space_lib.load(zoo.spaces()['vgg'])
  arch = {'model.widths.0': 16, 'model.widths.1': 32, 'model.depth': 2}
  assert found.build(arch)['model'] == published.build()


@pytest.fixture
def environment():
  before = dict(os.environ)
  yield
  os.environ.clear()
  os.environ.update(before)


@pytest.mark.usefixtures('environment')
def test_a_module_of_ones_own_is_searched_and_quantized(
  tmp_path, monkeypatch, capsys
):
  (tmp_path / 'mine').mkdir()
  (tmp_path / 'mine' / 'nets.py').write_text(_python(NETWORK_GUIDE)[1])
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  workdir = tmp_path / 'run'
  code = main.run(
    [
      'search',
      f'--config={ROOT}/configs/digits.py',
      '--config.space=mine.nets:space',
      '--config.space_args={}',
      '--config.search.engine=inline',
      '--config.search.trials=2',
      '--config.train.epochs=1',
      f'--workdir={workdir}',
      '--format=json',
    ]
  )
  out, said = capsys.readouterr()
  assert code == 0, said
  events = [
    json.loads(line)
    for line in (workdir / 'trials.jsonl').read_text().splitlines()
  ]
  assert sum(event['event'] == 'done' for event in events) == 2
  files = sorted((workdir / 'checkpoints').glob('*/weights.safetensors'))
  assert len(files) == 2
  for file in files:
    tree = weights.deserialize(file.read_bytes())
    kernels = [
      leaf.dtype.name
      for leaf in jax.tree.leaves(tree)
      if leaf.dtype.name in ('int4', 'int8')
    ]
    assert len(kernels) >= 3  # two convolutions and the classifier
  assert out


def _build(space):
  model = space.build(space.sample(np.random.default_rng(0)))['model']
  x = jax.ShapeDtypeStruct((1, 16, 16, 3), np.float32)
  y, _ = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
  assert y.shape == (1, 10)
