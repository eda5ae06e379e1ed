import dataclasses
import json
import math

import pytest

from effnas import errors, report


def test_every_number_is_on_the_line_that_is_named(study):
  summary = report.read(study.path)
  lines = (study.path / 'trials.jsonl').read_text().splitlines()
  seen = 0
  for row in summary.rows:
    for name, value in row.metrics.items():
      event = json.loads(lines[row.lines[name] - 1])
      told = event.get('metrics') or event.get('footprint')
      assert (event['trial'], told[name]) == (row.trial, value)
      seen += 1
    assert json.loads(lines[row.lines['arch'] - 1])['arch'] == row.arch
    if row.reason:
      assert json.loads(lines[row.lines['reason'] - 1])['reason'] == row.reason
  assert seen > 30 * 4


def test_the_front_is_that_of_brute_force(study):
  summary = report.read(study.path)
  points = {
    row.trial: (-row.metrics['accuracy'], row.metrics['latency_ms@tpu_v5e'])
    for row in summary.rows
    if row.status == 'done'
  }

  def beats(p, q):
    return p[0] <= q[0] and p[1] <= q[1] and p != q

  front = {
    i
    for i, q in points.items()
    if not any(beats(p, q) for p in points.values())
  }
  assert {row.trial for row in summary.front} == front
  assert 1 < len(front) < len(points)
  costs = [row.metrics['latency_ms@tpu_v5e'] for row in summary.front]
  assert costs == sorted(costs)


def test_what_was_evaluated_stands_over_what_was_foreseen(make):
  work = make(['size_bytes'], {'size_bytes': 10_000})
  work.propose(0, size=9_000)
  work.add('done', 0, metrics={'size_bytes': 11_000, 'seconds': None})
  (row,) = report.read(work.path).rows
  assert (row.metrics['size_bytes'], row.lines['size_bytes']) == (11_000, 2)
  assert row.broken == ('size_bytes',)
  assert 'seconds' not in row.metrics


def test_a_field_without_a_name_is_passed_over(make):
  work = make(['size_bytes'])
  work.propose(0)
  work.add('failed', 0, reason='why', **{'': 'no numbers'})
  (row,) = report.read(work.path).rows
  assert (row.reason, row.lines['reason']) == ('why', 2)


def test_reports_on_the_way_are_no_results(study):
  rows = report.read(study.path).rows
  assert all(0.111 not in row.metrics.values() for row in rows)


def test_a_running_search_can_be_read(study):
  with (study.path / 'trials.jsonl').open('a') as file:
    file.write('{"event": "done", "tri')
  assert len(report.read(study.path).rows) == 30


def test_sentence_counts_every_trial(study):
  said = report.read(study.path).sentence()
  assert said.startswith('30 trials: 25 done, 3 failed, 2 unfinished; ')


def test_json_is_json_whatever_the_numbers(make):
  work = make()
  work.propose(0)
  summary = report.read(work.path)
  (row,) = summary.rows
  row = dataclasses.replace(row, metrics={'latency_ms@tpu_v5e': math.inf})
  summary = dataclasses.replace(summary, rows=(row,))
  read = json.loads(summary.to_json())
  assert read['trials'][0]['metrics']['latency_ms@tpu_v5e'] is None
  assert read['summary'].startswith('1 trial: 0 done, 1 unfinished; no ')


@pytest.mark.parametrize('name', ['trials.jsonl', 'config.json'])
def test_a_folder_of_no_run_is_an_error(study, name):
  (study.path / name).unlink()
  with pytest.raises(errors.UserError, match=f'no {name} in '):
    report.write(study.path)


@pytest.mark.parametrize(
  ('text', 'said'),
  [('{', 'no JSON'), ('[]', 'JSON object'), ('{}', 'search.objectives')],
)
def test_a_config_of_no_search_is_an_error(study, text, said):
  (study.path / 'config.json').write_text(text)
  with pytest.raises(errors.UserError, match=said):
    report.read(study.path)


def test_a_latency_says_where_it_is_from(study):
  summary = report.read(study.path)
  assert summary.origin('latency_ms@tpu_v5e') == 'batch 1, datasheet'
  assert summary.origin('macs') == ''
