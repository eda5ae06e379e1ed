"""Where estimates come from, as a report says it."""

import pytest

from effnas import report
from effnas.report import summary as summaries

LATENCY = 'latency_ms@tpu_v5e'
RATE, MEMORY = 'throughput@a100:128', 'peak_memory_bytes@tpu_v5e'


def test_a_word_for_each_estimate_and_none_for_what_is_counted(sourced):
  summary = report.read(sourced.path)
  words = {RATE: 'calibrated', LATENCY: 'datasheet', MEMORY: 'compiled'}
  assert summary.sources == words
  for row in summary.rows:
    assert row.sources.keys() == words.keys()


def test_what_did_not_compile_says_so_instead_of_a_value(sourced):
  last = report.read(sourced.path).rows[2]
  assert MEMORY not in last.metrics
  assert last.sources[MEMORY] == 'failed to compile: libtpu crashed (SIGSEGV)'


def test_a_source_without_a_value_is_not_told(make):
  work = make()
  work.propose(0, sources={LATENCY: 'datasheet, int8', MEMORY: 'compiled'})
  (row,) = report.read(work.path).rows
  assert dict(row.sources) == {LATENCY: 'datasheet, int8'}


def test_the_batch_of_the_source_stands_over_that_of_the_config(sourced):
  summary = report.read(sourced.path)
  assert summary.origin(RATE) == 'batch 128, calibrated'
  assert summary.origin(MEMORY) == 'batch 1, compiled'
  assert summary.origin('macs') == ''


def test_the_batch_of_the_name_stands_over_that_of_the_config(make):
  name = 'latency_ms@tpu_v3:64'
  work = make(['accuracy', name])
  work.propose(0, **{name: 1.0})
  work.finish(0, 0.9)
  assert report.read(work.path).origin(name) == 'batch 64, datasheet'


def test_several_words_and_batches(make):
  work = make()
  work.propose(0, sources={LATENCY: 'measured, float32, batch 8'})
  work.propose(1, sources={LATENCY: 'datasheet, float32, batch 1'})
  assert report.read(work.path).origin(LATENCY) == 'datasheet and measured'


def test_a_line_for_each_estimate_that_tells_trials_apart(sourced):
  summary = report.read(sourced.path)
  fitted = 'calibrated (n=601, error 0.52 %), bfloat16, batch 128'
  assert summary.origins(summary.rows) == [
    f'throughput on a100:128: {fitted} (trials 0, 2); '
    f'{fitted}, outside of the measured range (trial 1)',
    'latency on tpu_v5e: datasheet, int8, batch 1',
    'device memory on tpu_v5e: compiled (libtpu 0.0.42), batch 1 (trials 0, 1)'
    '; failed to compile: libtpu crashed (SIGSEGV), batch 1 (trial 2)',
  ]


def test_many_trials_of_a_source_are_counted(make):
  work = make()
  for i in range(10):
    work.propose(i, sources={LATENCY: f'measured, batch {min(i, 1)}'})
  summary = report.read(work.path)
  (line,) = summary.origins(summary.rows)
  assert line.endswith('batch 0 (trial 0); measured, batch 1 (9 trials)')


def test_a_rate_below_its_bound_breaks_it(make):
  work = make(['accuracy'], {RATE: 100})
  for i, rate in enumerate((99.0, 100.0)):
    work.propose(i, **{RATE: rate})
  first, second = report.read(work.path).rows
  assert (first.broken, second.broken) == ((RATE,), ())


@pytest.mark.parametrize(
  ('objectives', 'axes'),
  [
    (['accuracy', RATE], (RATE, 'accuracy')),
    ([RATE, 'accuracy'], (RATE, 'accuracy')),
    ([RATE, 'loss'], (RATE, 'loss')),
    ([LATENCY, RATE], (LATENCY, RATE)),
    (['loss', 'accuracy'], ('loss', 'accuracy')),
  ],
)
def test_quality_stands_over_rates_and_rates_over_costs(make, objectives, axes):
  assert summaries.axes(report.read(make(objectives).path)) == axes


def test_top_5_of_five_classes_and_one_trial(make):
  run = make()
  run.propose(0)
  run.add('done', 0, metrics={'accuracy': 0.5, 'top5': 1.0, 'seconds': 1.0})
  summary = report.read(run.path)
  assert summary.sentence().startswith('1 trial: ')
  assert 'top5' not in summary.metrics
  assert 'seconds' in summary.metrics
  run.propose(1)
  run.add('done', 1, metrics={'accuracy': 0.5, 'top5': 0.9, 'seconds': 1.0})
  assert 'top5' in report.read(run.path).metrics
