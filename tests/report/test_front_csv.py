import csv
import json

from effnas import report


def test_reading_it_gives_the_front_and_its_very_numbers(study):
  summary = report.write(study.path)
  with (study.path / 'pareto.csv').open(newline='', encoding='utf-8') as file:
    table = list(csv.DictReader(file))
  assert [int(line['trial']) for line in table] == [
    row.trial for row in summary.front
  ]
  for line, row in zip(table, summary.front, strict=True):
    numbers = {n: float(line[n]) for n in summary.metrics if line[n]}
    assert numbers == dict(row.metrics)
    assert json.loads(line['arch']) == row.arch
    assert line['source of latency_ms@tpu_v5e'] == 'datasheet'
    assert set(map(int, line['lines'].split())) == set(row.lines.values())
  assert list(table[0])[:3] == ['trial', 'accuracy', 'latency_ms@tpu_v5e']


def test_no_finished_trial_gives_the_header_alone(make):
  work = make()
  work.propose(0)
  report.write(work.path)
  (header,) = (work.path / 'pareto.csv').read_text().splitlines()
  assert header.startswith('trial,accuracy,')


def test_each_row_says_where_its_estimates_come_from(sourced):
  summary = report.write(sourced.path)
  with (sourced.path / 'pareto.csv').open(newline='') as file:
    table = {int(line['trial']): line for line in csv.DictReader(file)}
  assert len(table) == 3
  for row in summary.rows:
    told = {
      name.removeprefix('source of '): text
      for name, text in table[row.trial].items()
      if name.startswith('source of ')
    }
    assert told == row.sources
  outside = table[1]['source of throughput@a100:128']
  assert outside.endswith(', outside of the measured range')
  memory = 'peak_memory_bytes@tpu_v5e'
  assert table[2][memory] == ''
  assert table[2][f'source of {memory}'].startswith('failed to compile: ')
