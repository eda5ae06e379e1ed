import io
import sys

from effnas import report, terminal
from effnas.report import labels, table


def shown(work) -> str:
  file = io.StringIO()
  table.show(report.read(work.path), file)
  return file.getvalue()


def test_every_figure_of_the_front_is_there_in_full(study):
  summary = report.read(study.path)
  text = shown(study)
  for row in summary.front:
    (line,) = (
      t
      for t in text.splitlines()
      if t.split()[:1] == [str(row.trial)] and 'datasheet' in t
    )
    for name in summary.columns():
      assert labels.value(name, row.metrics.get(name)) in line
  assert '…' not in text
  assert '\x1b' not in text
  assert max(map(len, text.splitlines())) <= 100


def test_a_table_wider_than_a_line_is_not_cut(make):
  names = [f'latency_ms@some_rather_long_target_{i}' for i in range(9)]
  work = make(['accuracy', *names])
  footprint = {name: 0.123 + i for i, name in enumerate(names)}
  work.add('proposed', 0, arch={'width': 'x' * 300}, footprint=footprint)
  work.finish(0, 0.987)
  text = shown(work)
  assert '…' not in text
  assert all(f'some_rather_long_target_{i} ↓' in text for i in range(9))
  assert all(labels.value(n, v) in text for n, v in footprint.items())
  assert text.count('x') >= 300


def test_a_trial_over_its_bound_is_told(make):
  work = make(constraints={'size_bytes': 9_000})
  work.propose(0)
  work.finish(0, 0.9)
  assert 'trial 0: size 10.0 kB is over 9.00 kB' in shown(work)


def test_nothing_finished_is_one_clear_line(make):
  work = make()
  work.propose(0)
  work.add('failed', 0, reason='no [bold]markup[/bold]')
  assert shown(work) == '1 trial: 0 done, 1 failed; no finished trial yet\n'


def test_reading_markup_as_text(make):
  work = make()
  work.propose(0, **{'model.act': '[red]swish[/red]'})
  work.finish(0, 0.9)
  assert 'act=[red]swish[/red]' in shown(work)


def test_where_estimates_come_from_in_a_word_and_below_in_full(sourced):
  text = shown(sourced)
  second = next(t for t in text.splitlines() if t.split()[:1] == ['1'])
  assert '2.81 k/s calibrated' in second
  assert '0.0100 ms datasheet' in second
  assert '12.3 MB compiled' in second
  flat = ' '.join(text.split())
  summary = report.read(sourced.path)
  assert all(line in flat for line in summary.origins(summary.front))
  assert 'outside of the measured range (trial 1)' in flat
  # A value that is missing has no source.
  third = next(t for t in text.splitlines() if t.split()[:1] == ['2'])
  assert third.count('datasheet') == 1
  assert third.split()[-1] == '-'


def test_a_rate_under_its_bound_is_told(make):
  name = 'throughput@a100'
  work = make(constraints={name: 5000})
  work.propose(0, **{name: 4310.0})
  work.finish(0, 0.9)
  said = 'trial 0: throughput on a100 4.31 k/s is under 5.00 k/s'
  assert said in shown(work)


def test_what_a_terminal_obeys_is_shown(make):
  target = 'latency_ms@[red]mine\x1b[31m.json'
  work = make(['accuracy', target])
  work.add(
    'proposed',
    0,
    arch={'model.act\x1b]0;': 'a\u202eb\nc'},
    footprint={target: 1.0},
  )
  work.finish(0, 0.9)
  text = shown(work)
  assert r'act\x1b]0;=a\u202eb\nc' in text
  assert '[red]mine' in text
  assert r'\x1b[31m.json' in text
  assert not set('\x1b\u202e') & set(text)


def test_a_terminal_of_ascii_is_told_all(study, monkeypatch):
  raw = io.BytesIO()
  monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(raw, encoding='ascii'))
  terminal.prepare()
  table.show(report.read(study.path))
  terminal.flush()
  text = raw.getvalue().decode('ascii')
  assert 'accuracy ^' in text
  signs = {ord('↑'): '^', ord('↓'): 'v', ord('─'): '-'}
  assert text == shown(study).translate(signs)
