"""Trains the table of the survey's practitioner's guide, cell by cell.

python experiments/survey_guide/run.py --data=FOLDER

FOLDER holds CIFAR-10 in its official binary layout; --noverify takes copies of
other pixels. A cell is a width and a column of the table: --cells=0.05/*,*/kd
chooses some; each is trained for --epochs, once for each of --seeds, and then
quantized. What results.json has is not trained again, and a training that was
cut off, by --seconds or otherwise, goes on from its last epoch: the table can
be filled in many sittings. results.json, plot.png and the tables of README.md
are renewed after each cell. --report prints the tables and trains nothing.
"""

import pathlib
import sys
import time

from absl import flags, logging

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import cells
import figures
import plot
import published
import report
import results
import training

from effnas import errors, train
from effnas.cli import experiment
from effnas.search.running import compile_cache

_HERE = pathlib.Path(__file__).parent
_DATA = flags.DEFINE_string('data', None, 'CIFAR-10, in its binary layout.')
_VERIFY = flags.DEFINE_bool('verify', True, 'Whether checksums must be right.')
_CELLS = flags.DEFINE_list('cells', [], 'Some cells: WIDTH/COLUMN, or * in it.')
_SEEDS = flags.DEFINE_list('seeds', ['0'], 'Seeds of the trainings.')
_EPOCHS = flags.DEFINE_integer(
  'epochs', published.EPOCHS, 'Of each training; 100 in the survey.', 1
)
_FIGURES = flags.DEFINE_list(
  'figures', list(figures.FIGURES), 'What to make of a trained network.'
)
_WHOLE = flags.DEFINE_bool(
  'whole',
  False,
  'Train on all 50,000 images as the survey does; there is no clean choice of '
  'an epoch then.',
)
_TEACHER = flags.DEFINE_float(
  'teacher', published.TEACHER, "Width of the teacher; 1.4 is the survey's."
)
_NOTEBOOK = flags.DEFINE_bool(
  'notebook',
  False,
  "Distil as the survey's notebook does: the softmax taken twice, and a "
  'teacher that sees images as they are.',
)
_SECONDS = flags.DEFINE_integer(
  'seconds', None, 'Begin no epoch after so long, and go on another time.', 1
)
_SMOKE = flags.DEFINE_bool('smoke', False, '256 images to train on, to try.')
_REPORT = flags.DEFINE_bool('report', False, 'Print the tables only.')
_WORKDIR = flags.DEFINE_string(
  'workdir', 'runs/survey_guide', 'Receives checkpoints and trained weights.'
)
_RESULTS = flags.DEFINE_string(
  'results', None, 'Folder of results.json; this one, or the workdir (smoke).'
)


def _told(line):
  print(line, file=sys.stderr, flush=True)


class Table:
  """The results and what fills them."""

  def __init__(self, place, workdir, dataset, seconds):
    """Reads what is there; see `run`."""
    self._place, self._workdir, self._dataset = place, workdir, dataset
    self.results = results.read(place / 'results.json')
    if not self.results['networks']:
      self.results['networks'] = figures.counts()
    self._end = time.monotonic() + seconds

  def fill(self, cell, wanted):
    """Trains a cell where that is not done, and makes its missing figures."""
    row = results.find(self.results, cell)
    if row is not None and not set(wanted) - set(row['figures']):
      return
    taught_by, teacher = cell.taught_by(), None
    if taught_by is not None:
      teacher = self._trained(taught_by)
    found = self._trained(cell, teacher)
    if row is None:
      row = self._row(cell, found, taught_by)
      self._keep(row)
    for figure in wanted:
      if figure in row['figures']:
        continue
      self._in_time()
      begun = time.monotonic()
      row['figures'][figure] = self._figure(cell, figure, found, teacher)
      row['seconds'][figure] = round(time.monotonic() - begun, 1)
      self._keep(row)

  def _figure(self, cell, figure, found, teacher):
    """By choice; both may have chosen the same epoch."""
    by_epoch = {}
    chosen = {choice: row['epoch'] for choice, row in found.rows.items()}
    if figure != 'int8' and 'clean' in chosen:
      # The survey has no training of this kind to be chosen its way.
      del chosen['survey']
    for choice, epoch in chosen.items():
      if epoch not in by_epoch:
        by_epoch[epoch] = figures.compute(
          cell,
          figure,
          found.variables[choice],
          self._dataset,
          teacher=_best(teacher),
          report=_told,
        )
    return {choice: by_epoch[epoch] for choice, epoch in chosen.items()}

  def _trained(self, cell, teacher=None):
    return training.train_cell(
      cell,
      self._dataset,
      self._workdir / cell.folder,
      teacher=_best(teacher),
      report=_told,
      end=self._end,
    )

  def _row(self, cell, found, taught_by):
    float_ = {
      choice: {
        'epoch': row['epoch'],
        'valid': row['valid_accuracy'],
        'test': row['test_accuracy'],
      }
      for choice, row in found.rows.items()
    }
    row = {
      **cell.record(),
      'images': len(training.images(cell, self._dataset).train),
      'verified': self._dataset.provenance['verified'],
      'figures': {'float': float_},
      'curve': [
        [one['valid_accuracy'], one['test_accuracy']] for one in found.curve
      ],
      'seconds': {'float': found.seconds},
    }
    if taught_by is not None:
      taught = self._trained(taught_by)
      row['teacher_test'] = _chosen(taught.rows)['test_accuracy']
    return row

  def _in_time(self):
    if time.monotonic() > self._end:
      raise training.OutOfTime

  def _keep(self, row):
    """Writes the row, and what follows from it."""
    # Another process may have put rows of its own there.
    path = self._place / 'results.json'
    networks = self.results['networks']
    self.results = results.read(path)
    self.results['networks'] = networks
    results.put(self.results, row)
    results.write(path, self.results)
    plot.draw(self.results, self._place / 'plot.png')
    report.renew(self._place / 'README.md', self.results)


def _chosen(found):
  """What was chosen cleanly, where there is such a choice."""
  return found['clean'] if 'clean' in found else found['survey']


def _best(teacher):
  return None if teacher is None else _chosen(teacher.variables)


def _seeds():
  for seed in _SEEDS.value:
    if not seed.isdecimal():
      raise errors.UserError(f'--seeds are whole numbers from 0; got {seed!r}')
  return [int(seed) for seed in _SEEDS.value]


def run():
  """Fills the cells that were asked for; returns how many diverged."""
  wanted = cells.chosen(
    _CELLS.value,
    _seeds(),
    _EPOCHS.value,
    whole=_WHOLE.value,
    teacher=_TEACHER.value,
    notebook=_NOTEBOOK.value,
  )
  for figure in _FIGURES.value:
    if figure not in figures.FIGURES:
      raise errors.unknown('figure', figure, figures.FIGURES)
  workdir = pathlib.Path(_WORKDIR.value) / ('smoke' if _SMOKE.value else 'full')
  place = pathlib.Path(_RESULTS.value or (workdir if _SMOKE.value else _HERE))
  if _REPORT.value:
    print(report.text(results.read(place / 'results.json')))
    return 0
  compile_cache.turn_on()
  dataset = training.load(
    _DATA.value, verify=_VERIFY.value, limit=256 if _SMOKE.value else None
  )
  table = Table(place, workdir, dataset, _SECONDS.value or float('inf'))
  failed = 0
  try:
    for cell in wanted:
      try:
        table.fill(cell, _FIGURES.value)
      except train.Diverged as error:
        _told(f'{cell.folder}: {error}')
        failed += 1
  except training.OutOfTime:
    _told('run.py: the time is over; run it again to go on')
  print(report.text(table.results))
  return failed


def main(_):
  """Runs the experiment; errors are one line each."""
  # Orbax tells of every checkpoint.
  logging.set_verbosity(logging.WARNING)
  try:
    failed = run()
  except errors.UserError as error:
    _told(f'run.py: {error}')
    sys.exit(2)
  if failed:
    _told(f'run.py: {failed} cells diverged, see above')
    sys.exit(1)


if __name__ == '__main__':
  experiment.run(main)
