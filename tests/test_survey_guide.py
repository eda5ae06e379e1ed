"""The experiment on the survey's guide: cells, trainings, figures, tables."""

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import data, errors, train
from effnas.learn import objective
from effnas.nn import rewrite
from effnas.train import optim

_FOLDER = pathlib.Path(__file__).parent.parent / 'experiments' / 'survey_guide'
_MODULES = (
  'cells', 'figures', 'plot', 'published', 'report', 'results', 'training',
)  # fmt: skip


@pytest.fixture
def experiment(modules_of):
  """The modules of the experiment by name."""
  return types.SimpleNamespace(**modules_of(_FOLDER, _MODULES))


def _split(count, seed=0):
  rng = np.random.default_rng(seed)
  return types.SimpleNamespace(
    x=rng.integers(0, 256, (count, 32, 32, 3), np.uint8),
    y=rng.integers(0, 10, count).astype(np.int32),
  )


def _layout(folder, records=160):
  """Writes noise in CIFAR-10's layout."""
  rng = np.random.default_rng(0)
  folder.mkdir()
  for name in (*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch'):
    rows = rng.integers(0, 256, (records, 3073), np.uint8)
    rows[:, 0] %= 10
    (folder / f'{name}.bin').write_bytes(rows.tobytes())
  return folder


def test_settings_are_those_of_the_guide(experiment):
  cells = experiment.cells
  for name in cells.names():
    width, column = name.split('/')
    cell = cells.Cell(float(width), column)
    model = cell.model()
    assert (model.width, model.classes) == (float(width), 10)
    assert model.dropout == cell.settings.dropout
    told = [c if isinstance(c, str) else c['name'] for c in cell.augment()]
    flips = column != 'plain'
    shifts = flips and cell.width > 0.1
    assert told == (
      ['flip'] * flips + ['translate'] * shifts + ['erasing'] * (width == '1.4')
    )
    assert (cell.settings.alpha > 0) == (column == 'kd')
  # A random sample of the notebook's table.
  kd = cells.Cell(0.5, 'kd').settings
  assert (kd.lr, kd.dropout, kd.l2, kd.alpha) == (1e-3, 0.15, 1e-6, 1.0)
  teacher = cells.Cell(1.4, 'plain').settings
  assert (teacher.lr, teacher.l2) == (5e-4, 1e-4)
  assert cells.Cell(1.0, 'aug').monitored is None
  assert cells.Cell(1.4, 'aug').monitored == 'loss'
  assert cells.Cell(0.05, 'kd').monitored == 'accuracy'


def test_l2_is_the_gradient_of_a_sum_of_squares(experiment):
  cell = experiment.cells.Cell(1.4, 'plain')
  params = {'kernel': jnp.full((2, 2), 3.0), 'bias': jnp.ones(2)}
  grads = jax.tree.map(jnp.ones_like, params)
  settings = cell.optim()
  tx = optim.make(10, **settings)
  ours, _ = tx.update(grads, tx.init(params), params)
  penalty = jax.grad(lambda k: cell.settings.l2 * jnp.sum(k**2))
  plain = optim.make(10, **{**settings, 'weight_decay': 0.0, 'eps': 1e3})
  decayed = optim.make(10, **{**settings, 'eps': 1e3})
  added = {**grads, 'kernel': grads['kernel'] + penalty(params['kernel'])}
  wanted, _ = plain.update(added, plain.init(params), params)
  got, _ = decayed.update(grads, decayed.init(params), params)
  for name in params:
    np.testing.assert_allclose(got[name], wanted[name], rtol=1e-5)
    # A constant rate, without a warm-up.
    np.testing.assert_allclose(ours[name], -5e-4, rtol=1e-5)


def test_teachers_come_first_and_once(experiment):
  chosen = experiment.cells.chosen
  told = [c.name for c in chosen(['*/kd', '0.05/aug'], [0], 3, teacher=0.25)]
  assert told[:3] == ['0.05/aug', '0.25/aug', '0.05/kd']
  assert len(told) == len(set(told)) == 8
  every = chosen([], [0, 1], 100)
  assert len(every) == 2 * 20
  folders = {
    cell.folder
    for notebook in (False, True)
    for whole in (False, True)
    for teacher in (0.25, 1.4)
    for cell in chosen(
      [], [0, 1], 5, whole=whole, teacher=teacher, notebook=notebook
    )
  }
  # plain and aug: 2 seeds, 2 splits, 14 cells; kd: 6 of them, 8 ways.
  assert len(folders) == 2 * 2 * 14 + 2 * 6 * 8
  with pytest.raises(errors.UserError, match=r"unknown cell '0\.3/aug'; did"):
    chosen(['0.3/aug'], [0], 1)
  with pytest.raises(errors.UserError, match='unknown teacher'):
    chosen([], [0], 1, teacher=0.3)


def test_the_rate_falls_where_nothing_improves(experiment):
  rule = experiment.training.Plateau(-1)
  # Five epochs that do not gain a ten-thousandth, then a gain, then five more.
  losses = [1.0, *[0.99995] * 4, 0.99991, 0.9, *[0.9] * 5]
  falls = []
  for loss in losses:
    rule.see(loss)
    falls.append(rule.falls)
  assert falls == [0] * 5 + [1] * 6 + [2]
  assert rule.rate(1e-3) == pytest.approx(1e-4)
  rule.falls = 50
  assert rule.rate(1e-3) == 5e-7


def test_images_are_prepared_as_in_the_survey(experiment, tmp_path):
  folder = _layout(tmp_path / 'cifar-10-batches-bin')
  dataset = experiment.training.load(str(folder), verify=False)
  x = np.arange(256, dtype=np.uint8).reshape(1, -1, 1, 1).repeat(3, -1)
  np.testing.assert_allclose(
    np.asarray(dataset.prepare(x)), x / 127.5 - 1.0, atol=1e-6
  )
  cell = experiment.cells.Cell(0.05, 'aug', whole=True)
  whole = experiment.training.images(cell, dataset)
  assert len(whole.train) == len(dataset.train) + len(dataset.valid) == 800
  assert whole.valid is dataset.test


def _teacher(experiment, cell):
  net = rewrite.Rewritten(cell.taught_by().model())
  variables = jax.jit(net.init)(jax.random.key(1), jnp.zeros((1, 32, 32, 3)))
  return net, jax.tree.map(
    # As drawn the logits are all alike.
    lambda v: v + 0.05 * jax.random.normal(jax.random.key(2), v.shape),
    variables,
  )


@pytest.mark.parametrize('notebook', [False, True])
def test_the_loss_of_distillation_is_the_survey_s(experiment, notebook):
  cell = experiment.cells.Cell(0.05, 'kd', teacher=0.1, notebook=notebook)
  net, variables = _teacher(experiment, cell)
  dataset = types.SimpleNamespace(input_shape=(32, 32, 3), classes=10)
  made = experiment.training.arguments(cell, dataset, variables)['objective']
  split = _split(6)
  plain = jnp.asarray(split.x, jnp.float32) / 127.5 - 1
  seen = plain[:, :, ::-1]  # what the student sees
  logits = jax.random.normal(jax.random.key(0), (6, 10))
  numbers = {
    **{k: jnp.float32(v) for k, v in made.numbers().items()},
    'constants': made.constants(),
    'label_smoothing': 0.0,
  }
  extras = made.extras(split.x, lambda x: jnp.asarray(x) / 127.5 - 1)
  assert bool(extras) == notebook

  class Forward:
    def __call__(self, inputs, taps=()):
      return objective.Output(logits, {})

    def head(self, name, x):
      raise AssertionError

  batch = objective.Batch(seen, jnp.asarray(split.y), extras)
  got = jax.jit(lambda n: made(Forward(), batch, jax.random.key(0), n).loss)(
    numbers
  )
  told = jax.jit(net.apply)(variables, plain if notebook else seen)
  t = jax.nn.softmax(told)
  s = jax.nn.softmax(logits)
  hard = -jnp.log(s[jnp.arange(6), split.y]).mean()
  if notebook:
    soft = -(t * jax.nn.log_softmax(s)).sum(-1).mean()
  else:
    soft = (t * (jnp.log(t) - jnp.log(s))).sum(-1).mean()
  assert float(soft) > 0.01
  assert float(got) == pytest.approx(float(hard + 2.0 * soft), rel=1e-4)


class _Fits:
  """In place of the training: variables that are the number of the epoch."""

  def __init__(self, monkeypatch, valid, test):
    self.calls, self._scores = [], {'valid': valid, 'test': test}
    monkeypatch.setattr(train, 'fit', self.fit)
    monkeypatch.setattr(train, 'evaluate', self.evaluate)

  def fit(self, net, dataset, *, until, checkpoint_dir, parent_dir, **rest):
    self.calls.append(
      (until, checkpoint_dir.name, parent_dir and parent_dir.name,
       rest['optim']['lr'])
    )  # fmt: skip
    variables = {'params': {'epoch': np.float32([until])}}
    return train.Fitted(variables, [{'train_loss': 1.0}])

  def evaluate(self, net, variables, split, dataset):
    epoch = int(variables['params']['epoch'][0])
    return {'accuracy': self._scores[split.name][epoch - 1], 'loss': 1.0}


@dataclasses.dataclass(frozen=True, eq=False)
class _Named(data.Split):
  name: str = ''


def _dataset():
  splits = {
    name: _Named(_split(8).x, _split(8).y, name)
    for name in ('train', 'valid', 'test')
  }
  return types.SimpleNamespace(**splits, provenance={'verified': False})


def test_both_choices_are_kept_and_a_training_goes_on(
  experiment, monkeypatch, tmp_path
):
  training = experiment.training
  fits = _Fits(monkeypatch, [0.2, 0.5, 0.4, 0.5], [0.6, 0.3, 0.7, 0.1])
  cell = experiment.cells.Cell(0.05, 'aug', epochs=4)
  lines = []

  def go(end):
    return training.train_cell(
      cell, _dataset(), tmp_path / 'cell', report=lines.append, end=end
    )

  with pytest.raises(training.OutOfTime):
    go(time.monotonic() - 1)
  assert fits.calls == []
  clock = iter([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0])
  with monkeypatch.context() as patch:
    patch.setattr(training.time, 'monotonic', lambda: next(clock))
    with pytest.raises(training.OutOfTime):
      go(5.0)
  assert [call[0] for call in fits.calls] == [1, 2]
  found = go(float('inf'))
  assert [call[0] for call in fits.calls] == [1, 2, 3, 4]
  assert len(lines) == 4
  # The first that is best, each by its own images.
  for choice, epoch in (('survey', 3), ('clean', 2)):
    assert found.rows[choice]['epoch'] == epoch
    assert found.variables[choice]['params']['epoch'] == epoch
  assert found.rows['clean']['test_accuracy'] == 0.3
  assert {call[3] for call in fits.calls} == {5e-3}
  again = go(0.0)
  assert len(fits.calls) == 4
  assert again.rows == found.rows
  other = experiment.cells.Cell(0.05, 'aug', epochs=5)
  with pytest.raises(errors.UserError, match='other settings'):
    training.train_cell(other, _dataset(), tmp_path / 'cell')


def test_a_lower_rate_goes_on_with_what_is_trained(
  experiment, monkeypatch, tmp_path
):
  fits = _Fits(monkeypatch, [0.5] * 12, [0.5] * 12)
  monkeypatch.setattr(
    experiment.training, 'arguments', lambda *_: {'objective': None}
  )
  cell = experiment.cells.Cell(0.05, 'kd', epochs=12, teacher=0.1)
  found = experiment.training.train_cell(
    cell, _dataset(), tmp_path, report=lambda _: None
  )
  places = [call[1:3] for call in fits.calls]
  assert places == (
    [('rate0', None)] * 6 + [('rate1', 'rate0')] * 5 + [('rate2', 'rate1')]
  )
  rates = [call[3] for call in fits.calls]
  np.testing.assert_allclose(rates[5:7], [5e-3, 5e-3 * 0.1**0.5])
  assert found.rows['clean']['epoch'] == 1


def test_int8_is_quantized_as_in_the_survey(experiment):
  cell = experiment.cells.Cell(0.05, 'aug')
  rules = {r.pattern: r for r in experiment.figures.step(cell, 'int8')._rules()}
  for pattern, scales in (('hidden', 'tensor'), ('*', 'channel')):
    assert rules[pattern].scheme.scales == scales
    assert rules[pattern].scheme.asymmetric('activations')
    assert not rules[pattern].scheme.asymmetric('weights')
  aware = experiment.figures.step(cell, 'qat_4')
  assert (aware.weights, aware.epochs, aware.lr) == (4, 10, 5e-4)


def _run(*arguments):
  return subprocess.run(
    [sys.executable, str(_FOLDER / 'run.py'), *arguments],
    capture_output=True,
    text=True,
    check=False,
  )


def test_an_unknown_cell_is_one_line():
  found = _run('--data=nowhere', '--cells=0.05/augment')
  assert found.returncode == 2
  [line] = found.stderr.strip().splitlines()
  assert line.startswith("run.py: unknown cell '0.05/augment'; did you mean")


@pytest.mark.slow
def test_a_smoke_run_goes_on(tmp_path):
  arguments = (
    f'--data={_layout(tmp_path / "cifar-10-batches-bin")}',
    '--noverify',
    '--smoke',
    f'--workdir={tmp_path / "work"}',
    '--cells=0.05/kd',
    '--teacher=0.1',
    '--epochs=2',
    '--figures=int8',
  )
  file = tmp_path / 'work' / 'smoke' / 'results.json'
  first = _run(*arguments, '--seconds=1')
  assert first.returncode == 0, first.stderr
  assert 'run it again to go on' in first.stderr
  assert not file.exists()
  second = _run(*arguments)
  assert second.returncode == 0, second.stderr
  # Teacher and student, two epochs each; one of them was done before.
  assert second.stderr.count(', loss ') == 3
  rows = json.loads(file.read_text())['cells']
  assert [row['column'] for row in rows] == ['kd', 'aug']
  assert all(set(row['figures']) == {'float', 'int8'} for row in rows)
  assert 0 <= rows[0]['teacher_test'] <= 1
  third = _run(*arguments)
  assert third.returncode == 0, third.stderr
  assert third.stderr == ''
  assert '**2 of 100 epochs**, **teacher 0.1**' in third.stdout
