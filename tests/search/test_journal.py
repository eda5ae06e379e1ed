import json
import os

import numpy as np
import pytest

from effnas import errors
from effnas.search import journal


def fill(path, trials=3):
  with journal.Journal(path) as book:
    for i in range(trials):
      footprint = {'params': np.int64(7 + i), 'latency_ms@x': np.float32(0.5)}
      book.append(
        {
          'event': 'proposed',
          'trial': i,
          'arch': {'model.kernel': 3, 'model.se': True},
          'footprint': footprint,
          'sources': {'latency_ms@x': 'measured'},
        }
      )
    book.append(
      {'event': 'reported', 'trial': 1, 'epoch': 1, 'metrics': {'loss': 2.0}}
    )
    book.append(
      {'event': 'done', 'trial': 1, 'metrics': {'accuracy': 0.5, 'auc': np.nan}}
    )
    book.append({'event': 'failed', 'trial': 0, 'reason': 'Diverged: loss'})
    book.append(
      {'event': 'tested', 'trial': 1, 'metrics': {'test_accuracy': 0.4}}
    )
    return list(book.trials), list(book.finished)


def test_what_was_written_is_read_back(tmp_path):
  path = tmp_path / 'trials.jsonl'
  trials, finished = fill(path)
  assert journal.read(path) == journal.read(tmp_path) == trials
  with journal.Journal(path) as book:
    assert (book.trials, book.finished) == (trials, finished)
  assert finished == [1, 0]
  assert trials[1].metrics == {
    'accuracy': 0.5,
    'auc': None,
    'test_accuracy': 0.4,
  }
  assert trials[1].reports == {1: {'loss': 2.0}}
  assert trials[1].footprint == {'params': 8, 'latency_ms@x': 0.5}
  assert trials[1].sources == {'latency_ms@x': 'measured'}
  assert [t.status for t in trials] == ['failed', 'done', 'proposed']
  for line in path.read_text().splitlines():
    assert json.loads(line)['time'] > 1.7e9


@pytest.mark.parametrize('cut', range(1, 60, 7))
def test_a_torn_last_line_is_dropped_and_mended(tmp_path, caplog, cut):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  whole = path.read_bytes()
  path.write_bytes(whole[:-cut])
  complete = cut == 1  # only the line's end is missing
  before = journal.read(path)
  assert ('is torn and was dropped' in caplog.text) != complete
  assert ('test_accuracy' in before[1].metrics) == complete
  with journal.Journal(path) as book:
    assert book.trials == before
    book.append({'event': 'done', 'trial': 2, 'metrics': {'accuracy': 1}})
  after = journal.read(path)
  assert after[:2] == before[:2]
  assert after[2].metrics == {'accuracy': 1}


def test_a_corrupt_middle_line_is_refused_with_its_number(tmp_path):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  lines = path.read_text().splitlines(keepends=True)
  lines[3] = lines[3][:20] + '\n'
  path.write_text(''.join(lines))
  for read in (journal.read, journal.Journal):
    with pytest.raises(errors.UserError, match='line 4 is corrupt'):
      read(path)
  assert path.read_text() == ''.join(lines)


@pytest.mark.parametrize(
  ('event', 'said'),
  [
    ({'event': 'done', 'trial': 9, 'metrics': {}}, 'never proposed'),
    ({'event': 'done', 'trial': 1, 'metrics': {}}, 'was done already'),
    ({'event': 'reported', 'trial': 0, 'epoch': 1, 'metrics': {}}, 'failed'),
    ({'event': 'tested', 'trial': 2, 'metrics': {}}, 'not done'),
    ({'event': 'proposed', 'trial': 7, 'arch': {}, 'footprint': {}}, 'next'),
    ({'event': 'done', 'trial': 2}, "lacks 'metrics'"),
    ({'event': 'dnoe', 'trial': 2}, "unknown event 'dnoe'"),
    ({'trial': 2}, "lacks 'event'"),
    ({'event': 'stopped', 'trial': 0, 'reason': 'x'}, 'was failed already'),
    (
      {'event': 'proposed', 'trial': 3, 'arch': {}, 'footprint': {}}
      | {'epochs': 9, 'parent': 2},
      'goes on with trial 2, which is not done',
    ),
  ],
)
def test_an_event_out_of_sense_is_refused_with_its_number(
  tmp_path, event, said
):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  good = path.read_text()
  number = good.count('\n') + 1
  path.write_text(good + json.dumps(event) + '\n' + good.splitlines()[0] + '\n')
  with pytest.raises(errors.UserError, match=f'line {number} makes no.*{said}'):
    journal.read(path)


def test_an_event_out_of_sense_is_not_written(tmp_path):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  before = path.read_bytes()
  with (
    journal.Journal(path) as book,
    pytest.raises(ValueError, match='already'),
  ):
    book.append({'event': 'done', 'trial': 1, 'metrics': {}})
  assert path.read_bytes() == before


def test_a_full_disk_leaves_the_journal_whole(tmp_path, monkeypatch):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  before = path.read_bytes()
  with journal.Journal(path) as book:
    write = os.write
    monkeypatch.setattr(os, 'write', lambda f, b: write(f, b[: len(b) // 2]))
    with pytest.raises(errors.UserError, match='cannot write the journal'):
      book.append({'event': 'done', 'trial': 2, 'metrics': {}})
    assert book.trials[2].status == 'proposed'
  assert path.read_bytes() == before


def test_no_journal(tmp_path):
  with pytest.raises(errors.UserError, match='cannot read the journal'):
    journal.read(tmp_path / 'none.jsonl')
  with pytest.raises(errors.UserError, match='cannot write the journal'):
    journal.Journal(tmp_path / 'no' / 'trials.jsonl')


def test_appending_takes_no_longer_when_the_journal_is_long(tmp_path):
  """Bytes written per event stay the same: nothing is rewritten."""
  path = tmp_path / 'trials.jsonl'
  with journal.Journal(path) as book:
    sizes = []
    for i in range(100, 400):
      event = {'event': 'proposed', 'trial': i - 100, 'arch': {}}
      book.append({**event, 'footprint': {}})
      sizes.append(path.stat().st_size)
    inode = path.stat().st_ino
  assert np.ptp(np.diff(sizes)) <= 4  # the digits of id and time
  assert inode == path.stat().st_ino


def test_a_journal_without_sources_had_latencies_of_datasheets(tmp_path):
  path = tmp_path / 'trials.jsonl'
  footprint = {'params': 7, 'latency_ms@x': 0.5}
  old = {'event': 'proposed', 'trial': 0, 'arch': {}, 'footprint': footprint}
  path.write_text(json.dumps(old) + '\n')
  (trial,) = journal.read(path)
  assert trial.sources == {'latency_ms@x': 'datasheet'}
  # Where nothing is known of them, nothing is said.
  path.write_text(json.dumps({**old, 'sources': {}}) + '\n')
  (trial,) = journal.read(path)
  assert trial.sources == {}


def _event(kind, number, **more):
  return {'event': kind, 'trial': number, **more}


@pytest.mark.parametrize('seconds', [0.01, 5.0])
def test_what_took_long_is_on_the_disk_at_once(tmp_path, monkeypatch, seconds):
  synced, now = [], [100.0]
  monkeypatch.setattr(os, 'fsync', lambda file: synced.append(now[0]))
  monkeypatch.setattr(journal.time, 'monotonic', lambda: now[0])
  with journal.Journal(tmp_path / 'j') as book:
    for i in range(40):
      book.append(_event('proposed', i, arch={}, footprint={}))
      for epoch in (1, 2):
        now[0] += seconds / 2
        before = len(synced)
        book.append(_event('reported', i, epoch=epoch, metrics={}))
        assert len(synced) - before == (seconds == 5) or seconds < 1
      book.append(_event('done', i, metrics={}))
      if seconds == 5:
        assert synced[-1] == now[0]
    count = len(synced)
    # Forty short trials lasted 0.4 seconds: nothing waits for more than 0.1.
    assert count == 120 or 3 <= count <= 5
    assert np.diff([100.0, *synced, now[0]]).max() <= max(seconds, 0.11)
    book.append(_event('tested', 3, metrics={}))
    assert len(synced) == count + 1
    book.append(_event('proposed', 40, arch={}, footprint={}))
    book.append(_event('done', 40, metrics={}))
    assert len(synced) == count + 1
  assert len(synced) == count + 2  # at the end, whatever it is


def test_a_disk_that_is_full_late_takes_back_the_last_line(
  tmp_path, monkeypatch
):
  def fail(file):
    raise OSError(28, 'no space left')

  path = tmp_path / 'trials.jsonl'
  fill(path)
  before = path.read_bytes()
  with journal.Journal(path) as book:
    with monkeypatch.context() as patch:
      patch.setattr(os, 'fsync', fail)
      with pytest.raises(errors.UserError, match='no space left'):
        book.append({'event': 'done', 'trial': 2, 'metrics': {}})
    assert book.trials[2].status == 'proposed'
    assert path.read_bytes() == before
