"""The experiment on self-supervision: its tables, picture and settings."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from effnas.learn import self_supervision
from effnas.learn.augment import find

_FOLDER = pathlib.Path(__file__).parents[3] / 'experiments'
_FOLDER /= 'self_supervision'
_MODULES = ('digits', 'plot', 'report', 'text')


@pytest.fixture
def experiment(modules_of):
  """The modules of the experiment by name, and its results."""
  results = json.loads((_FOLDER / 'results.json').read_text(encoding='utf-8'))
  return modules_of(_FOLDER, _MODULES), results


def test_the_readme_has_the_tables_of_the_results(experiment):
  modules, results = experiment
  readme = (_FOLDER / 'README.md').read_text(encoding='utf-8')
  for name, table in modules['report'].tables(results).items():
    assert f'<!-- {name} -->\n{table}<!-- /{name} -->' in readme, name


def test_the_picture_is_drawn_from_the_results(experiment, tmp_path):
  modules, results = experiment
  modules['plot'].draw(results, tmp_path / 'plot.png')
  assert (tmp_path / 'plot.png').read_bytes().startswith(b'\x89PNG')


def test_every_start_has_every_seed(experiment):
  modules, results = experiment
  digits = modules['digits']
  found = list(results['digits'])
  assert found == [str(i) for i in range(digits.SEEDS)]
  for start in digits.STARTS:
    for augmented in digits.AUGMENT:
      found = modules['report'].accuracies(results['digits'], start, augmented)
      assert found.shape == (digits.SEEDS, len(digits.LABELS))
      # Right answers of 359 test images.
      np.testing.assert_allclose(found * 359, np.rint(found * 359), atol=0.01)


def test_settings_are_those_of_objectives_and_augmentations(experiment):
  digits = experiment[0]['digits']
  for name, fields, _, _ in digits.PRETEXTS.values():
    made = self_supervision.make(name, {'at': digits.AT, **fields})
    assert made.takes_unlabelled()
  for names in digits.AUGMENT.values():
    assert all(find(name) for name in names)


def test_labels_are_drawn_evenly_from_the_training_images(experiment):
  digits = experiment[0]['digits']
  whole = digits.dataset()
  few, other = digits.labelled(20, 0), digits.labelled(20, 1)
  assert np.bincount(few.train.y).tolist() == [2] * 10
  rows = {image.tobytes() for image in whole.train.x}
  assert {image.tobytes() for image in few.train.x} <= rows
  assert not np.array_equal(few.train.x, other.train.x)
  assert few.mean == whole.mean
  assert np.array_equal(few.test.x, whole.test.x)
  assert len(digits.labelled(digits.LABELS[-1], 0).train) == len(whole.train)


def test_counting_is_a_bound_that_networks_pass(experiment):
  results = experiment[1]['text']
  counted = results['counted']
  assert counted['uniform'] == pytest.approx(np.log(65), abs=1e-4)
  assert counted['uniform'] > counted['characters'] > counted['pairs']
  if 'next_token' in results:
    assert results['next_token']['valid'] < counted['pairs']


def test_an_unknown_task_is_one_line():
  found = subprocess.run(
    [sys.executable, str(_FOLDER / 'run.py'), '--tasks=digit'],
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == 2
  [line] = found.stderr.strip().splitlines()
  assert line == "run.py: unknown task 'digit'; did you mean 'digits'?"
