import numpy as np
import pytest
import toy_search

from effnas import search
from effnas.search import conductor, journal, progress, samplers


def test_the_line_counts_what_the_journal_holds(tmp_path, capsys):
  problem = toy_search.problem()
  with journal.Journal(tmp_path / 'j') as book:
    leader = conductor.Conductor(
      problem, samplers.load('random', {}), book, trials=40
    )
    with progress.Progress(40, problem.objectives, book) as line:
      for i in range(30):
        trial = leader.next()
        if i % 10 == 4:
          leader.failed(i, 'x')
        else:
          leader.done(
            i, {'accuracy': round(toy_search.accuracy(trial.arch), 2)}
          )
        line.update()
      text = line.line()
    front = search.front(book.trials, problem.objectives)
    done = [t for t in book.trials if t.status == 'done']
  count, failed, best, size, clock = text.split(' | ')
  assert (count, failed) == ('30/40 trials', '3 failed')
  assert size == f'front {len(front)}'
  accuracy = max(t.metrics['accuracy'] for t in done)
  params = min(t.footprint['params'] for t in done)
  assert best == f'best accuracy {accuracy:.5g}, params {params}'
  assert clock.endswith(' left')
  assert capsys.readouterr().err == f'{text}\n'


def test_an_error_is_told_alone(tmp_path, capsys):
  with (
    journal.Journal(tmp_path / 'j') as book,
    pytest.raises(KeyError),
    progress.Progress(8, ['accuracy'], book),
  ):
    raise KeyError
  assert capsys.readouterr().err == ''


def test_a_terminal_gets_a_live_line(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr('sys.stderr.isatty', lambda: True)
  with (
    journal.Journal(tmp_path / 'j') as book,
    progress.Progress(8, ['accuracy'], book) as line,
  ):
    line.update()
  shown = capsys.readouterr()
  assert '0/8 trials' in shown.err
  assert shown.out == ''


def test_earlier_trials_count_but_not_for_the_time_left(tmp_path):
  with journal.Journal(tmp_path / 'j') as book:
    leader = conductor.Conductor(
      toy_search.problem(), samplers.load('random', {}), book, trials=4
    )
    for i in range(2):
      leader.next()
      leader.done(i, {'accuracy': 0.5})
    line = progress.Progress(4, ['accuracy'], book)
    assert line.line().startswith('2/4 trials | best accuracy 0.5 | front 2')
    assert 'left' not in line.line()
    leader.next()
    leader.done(2, {'accuracy': np.float32(0.75)})
    line.update()
    assert '3/4 trials | best accuracy 0.75 | front 1' in line.line()
    assert 'left' in line.line()
