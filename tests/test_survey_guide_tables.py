"""The experiment on the survey's guide: its results, tables and picture."""

import pathlib
import types

import numpy as np
import pytest

from effnas import errors

_FOLDER = pathlib.Path(__file__).parent.parent / 'experiments' / 'survey_guide'
_MODULES = (
  'cells', 'figures', 'plot', 'published', 'report', 'results', 'training',
)  # fmt: skip


@pytest.fixture
def experiment(modules_of):
  """The modules of the experiment by name."""
  return types.SimpleNamespace(**modules_of(_FOLDER, _MODULES))


@pytest.fixture
def found(experiment):
  """What results.json holds."""
  return experiment.results.read(_FOLDER / 'results.json')


def _row(cell, clean, survey, **figures):
  """A row of a cell with given accuracies."""
  return {
    **cell.record(),
    'images': 45_000,
    'verified': False,
    'figures': {
      'float': {
        'survey': {'epoch': 2, 'valid': survey, 'test': survey},
        'clean': {'epoch': 1, 'valid': clean, 'test': clean},
      },
      **figures,
    },
    'curve': [],
    'seconds': {'float': 1.0},
  }


def test_parameters_and_macs_are_the_survey_s(experiment, found):
  for width, row in experiment.published.ROWS.items():
    counts = found['networks'][str(width)]
    assert counts['parameters'] == row.parameters
    assert counts['trainable'] == row.trainable
    assert counts['macs'] == row.macs
    # Our files have no graph, so they are a little smaller than TFLite's.
    for ours, theirs in zip(('float', 'int8'), row.kilobytes, strict=True):
      assert 0 < theirs - counts[ours] / 1024 < 9
  assert experiment.figures.count(0.05) == found['networks']['0.05']


def test_the_table_leaves_open_what_was_not_measured(experiment):
  cells, report = experiment.cells, experiment.report
  blank = {'networks': {}, 'cells': []}
  lines = report.tables(blank)['accuracies'].splitlines()[2:]
  assert len(lines) == len(cells.names())
  for line, name in zip(lines, cells.names(), strict=True):
    width, column = name.split('/')
    row = experiment.published.ROWS[float(width)]
    told = [c.strip() for c in line.strip('|').split('|')]
    assert told[3:] == [
      '', f'{row.float_[column]:.2f}', '', f'{row.int8[column]:.2f}',
      '', '', '', '',
    ]  # fmt: skip
  rows = [
    _row(cells.Cell(0.05, 'kd', seed, 3, teacher=0.25), 0.5 + seed / 100, 0.6)
    for seed in (0, 1, 2)
  ]
  rows[0]['figures']['int8'] = {
    'survey': {'test': 0.55},
    'clean': {'test': 0.45},
  }
  text = report.tables({'networks': {}, 'cells': rows})['accuracies']
  [line] = [x for x in text.splitlines() if '3 seeds' in x]
  assert '3 seeds, **3 of 100 epochs**, **teacher 0.25**' in line
  told = [c.strip() for c in line.strip('|').split('|')]
  assert told[3:] == [
    '60.00 ± 0.00', '72.89', '55.00', '72.70', '51.00 ± 1.00', '45.00', '', '',
  ]  # fmt: skip


def test_a_longer_training_has_a_line_of_its_own(experiment):
  cells, report = experiment.cells, experiment.report
  rows = [_row(cells.Cell(0.1, 'aug', 0, n), 0.5, 0.6) for n in (3, 100)]
  text = report.tables({'networks': {}, 'cells': rows})['accuracies']
  lines = [x for x in text.splitlines() if '| 0.1 | augmentation |' in x]
  assert ['of 100' in line for line in lines] == [True, False]


def test_results_are_of_cells_that_there_are(experiment, found):
  assert found['cells']
  for row in found['cells']:
    cell = experiment.cells.of(row)
    assert cell.name in experiment.cells.names()
    assert len(row['curve']) == cell.epochs
    for choice, column in (('clean', 0), ('survey', 1)):
      told = row['figures']['float'].get(choice)
      if told is None:
        assert cell.whole
        continue
      scores = [one[column] for one in row['curve']]
      assert told['epoch'] == 1 + int(np.argmax(scores))
      assert [told['valid'], told['test']] == row['curve'][told['epoch'] - 1]
    for figure in experiment.figures.FIGURES:
      for told in row['figures'].get(figure, {}).values():
        counts = found['networks'][str(cell.width)]
        assert told['bytes'] == counts[figure]


def test_the_readme_has_the_tables_of_the_results(experiment, found):
  readme = (_FOLDER / 'README.md').read_text(encoding='utf-8')
  for name, table in experiment.report.tables(found).items():
    assert f'<!-- {name} -->\n{table}<!-- /{name} -->' in readme, name


def test_the_picture_is_drawn_from_the_results(experiment, found, tmp_path):
  experiment.plot.draw(found, tmp_path / 'plot.png')
  assert (tmp_path / 'plot.png').read_bytes().startswith(b'\x89PNG')
  theirs, _ = experiment.plot.points(found)
  # The survey's two walks end on its frontier.
  assert (111.00, 84.18) in theirs
  assert (359.31, 87.86) in theirs
  assert (392.49, 80.60) not in theirs


def test_a_row_takes_the_place_of_the_one_of_its_cell(experiment, tmp_path):
  cells, results = experiment.cells, experiment.results
  found = {'networks': {}, 'cells': []}
  one, other = cells.Cell(0.1, 'aug'), cells.Cell(0.05, 'kd', teacher=1.4)
  for cell, value in ((one, 0.1), (other, 0.2), (one, 0.3)):
    results.put(found, _row(cell, value, value))
  assert [cells.of(row) for row in found['cells']] == [other, one]
  assert results.find(found, one)['figures']['float']['clean']['test'] == 0.3
  assert results.find(found, cells.Cell(0.1, 'aug', 1)) is None
  results.write(tmp_path / 'results.json', found)
  assert results.read(tmp_path / 'results.json') == found
  assert [path.name for path in tmp_path.iterdir()] == ['results.json']
  (tmp_path / 'results.json').write_text('{"cells": [{}]}')
  with pytest.raises(errors.UserError, match='move it away'):
    results.read(tmp_path / 'results.json')
