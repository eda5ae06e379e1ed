"""Experiments stay loadable, and their tables are those of their results."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from effnas import errors
from effnas.recipe import steps

FOLDER = pathlib.Path(__file__).parent.parent / 'experiments' / 'compression'
MODULES = ('networks', 'plot', 'published', 'results', 'table', 'techniques')

# Rows that the README says were not finished.
UNFINISHED = {'mobilenet_v2_050': {'qat_8_all'}}


@pytest.fixture
def experiment(modules_of):
  """The modules of the experiment on compression, by name."""
  return modules_of(FOLDER, MODULES)


@pytest.fixture
def rows(experiment):
  """The rows of results.json."""
  found = experiment['results'].read(FOLDER / 'results.json')
  assert found
  return found


def test_recipes_are_of_steps_that_there_are(experiment):
  for network in experiment['networks'].NETWORKS.values():
    for technique in experiment['techniques'].all_of(network).values():
      made = [steps.make(name, own) for name, own in technique.recipe]
      steps.check(made)
      assert sum(step.epochs for step in made) == technique.epochs


def test_results_are_of_the_recipes_of_now(experiment, rows):
  for row in rows:
    network = experiment['networks'].NETWORKS[row['network']]
    technique = experiment['techniques'].all_of(network)[row['technique']]
    recipe = experiment['results'].plain(technique.recipe)
    assert row['recipe'] == recipe, row['technique']
    assert row['title'] == technique.title


def test_no_technique_is_missing(experiment, rows):
  for name, network in experiment['networks'].NETWORKS.items():
    found = {row['technique'] for row in rows if row['network'] == name}
    missing = set(experiment['techniques'].all_of(network)) - found
    assert missing == UNFINISHED.get(name, set()), name


def test_the_readme_has_the_tables_of_the_results(experiment, rows):
  readme = (FOLDER / 'README.md').read_text(encoding='utf-8')
  assert experiment['table'].text(rows).strip() in readme


def test_families_of_neighbours_are_ours(experiment):
  network = next(iter(experiment['networks'].NETWORKS.values()))
  ours = {
    one.family for one in experiment['techniques'].all_of(network).values()
  }
  assert {point.family for point in experiment['published'].POINTS} <= ours


def test_the_picture_is_drawn_from_the_results(experiment, rows, tmp_path):
  experiment['plot'].draw(rows, tmp_path / 'plot.png')
  assert (tmp_path / 'plot.png').read_bytes().startswith(b'\x89PNG')


def test_a_row_takes_the_place_of_the_one_of_its_cell(experiment, tmp_path):
  results = experiment['results']

  def row(technique, seed=0, value=0.0):
    return {
      'network': 'a',
      'technique': technique,
      'seed': seed,
      'accuracy_test': value,
    }

  found: list = []
  for one in (row('q'), row('p'), row('q', 1), row('q', 0, 0.5)):
    found = results.put(found, one, ['p', 'q'])
  assert found == [row('p'), row('q', 0, 0.5), row('q', 1)]
  results.write(tmp_path / 'results.json', found)
  assert results.read(tmp_path / 'results.json') == found
  assert [path.name for path in tmp_path.iterdir()] == ['results.json']


def test_damaged_results_are_an_error_that_says_what_to_do(
  experiment, tmp_path
):
  (tmp_path / 'results.json').write_text('{"rows": ')
  with pytest.raises(errors.UserError, match='move it away'):
    experiment['results'].read(tmp_path / 'results.json')


def _run(*arguments):
  return subprocess.run(
    [sys.executable, str(FOLDER / 'run.py'), *arguments],
    capture_output=True,
    text=True,
    check=False,
  )


def test_an_unknown_technique_is_one_line():
  found = _run('--data=nowhere', '--techniques=qat_3')
  assert found.returncode == 2
  line = found.stderr.strip().splitlines()[-1]
  assert line == (
    "run.py: unknown technique 'qat_3'; did you mean 'qat_8' or 'qat_4' or "
    "'qat_2'?"
  )
  assert 'Traceback' not in found.stderr


@pytest.mark.slow
def test_a_smoke_run_is_resumed(tmp_path):
  rng = np.random.default_rng(0)
  folder = tmp_path / 'cifar-10-batches-bin'
  folder.mkdir()
  for name in (*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch'):
    records = rng.integers(0, 256, (160, 3073), np.uint8)
    records[:, 0] %= 10
    (folder / f'{name}.bin').write_bytes(records.tobytes())
  arguments = (
    f'--data={folder}',
    '--noverify',
    '--smoke',
    f'--workdir={tmp_path / "work"}',
    '--networks=survey_cnn_025',
    '--techniques=float,ptq_8,cluster_16',
  )
  first = _run(*arguments)
  assert first.returncode == 0, first.stderr
  assert first.stdout.count(' bytes, ') == 3
  work = tmp_path / 'work' / 'smoke'
  rows = json.loads((work / 'results.json').read_text())['rows']
  for row in rows:
    file = work / 'survey_cnn_025_0' / f'{row["technique"]}.safetensors'
    assert file.stat().st_size == row['size_bytes']
  assert (work / 'plot.png').is_file()
  again = _run(*arguments)
  assert again.returncode == 0, again.stderr
  assert ' bytes, ' not in again.stdout
