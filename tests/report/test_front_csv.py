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
