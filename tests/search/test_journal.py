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


_BAD_LINES = {
  'an array': ('[{"event": "proposed"}, {"event": "done"}]', 'JSON object'),
  'another object': ('{"a": 1}', "lacks 'event'"),
  'a number': ('12', 'JSON object'),
  'garbage': ('garbage', 'Expecting value'),
  'an array cut off': ('[{"event": "done", ', 'corrupt'),
  'half an object': ('{"a": ', 'corrupt'),
}


@pytest.mark.parametrize('end', ['', '\n'])
@pytest.mark.parametrize('before', [0, 3])
@pytest.mark.parametrize('name', _BAD_LINES)
def test_what_no_append_leaves_is_refused_and_kept(tmp_path, name, before, end):
  path = tmp_path / 'trials.jsonl'
  if before:
    fill(path, before)
  text, said = _BAD_LINES[name]
  number = (path.read_text().count('\n') if before else 0) + 1
  with path.open('a') as file:
    file.write(text + end)
  whole = path.read_bytes()
  for read in (journal.read, journal.Journal):
    with pytest.raises(errors.UserError, match=f'line {number} .*{said}') as e:
      read(path)
    assert '\n' not in str(e.value)
  assert path.read_bytes() == whole
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
  'change',
  [
    lambda data: b'\n' + data,
    lambda data: b'\xef\xbb\xbf' + data,
    lambda data: data.decode().encode('utf-16'),
    lambda data: b'\0' * 64 + data,
    lambda data: data + b'\0' * 64,
    lambda data: data.replace(b'{', b'\xff', 1),
    lambda data: data.replace(b'{', b'[' * 5000, 1),
    lambda data: data.replace(b'3', b'[' * 400 + b']' * 400, 1),
    lambda data: data.replace(b'3', b'"\\ud800"', 1),
  ],
)
def test_other_bytes_are_refused_in_one_line(tmp_path, change):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  whole = change(path.read_bytes())
  path.write_bytes(whole)
  for read in (journal.read, journal.Journal):
    with pytest.raises(errors.UserError, match=r'line \d+ is corrupt') as e:
      read(path)
    assert len(str(e.value)) < 300
  assert path.read_bytes() == whole


def test_what_is_cut_is_kept_beside(tmp_path):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  whole = path.read_bytes()
  for fragment in (b'{"event": "done", "tr', b'{"ev'):
    path.write_bytes(whole + fragment)
    journal.read(path)
    assert path.read_bytes() == whole + fragment
    journal.Journal(path).close()
    assert path.read_bytes() == whole
  kept = tmp_path / 'trials.jsonl.torn'
  assert kept.read_bytes() == b'{"event": "done", "tr\n{"ev\n'


def test_nothing_is_cut_where_it_cannot_be_kept(tmp_path, monkeypatch):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  whole = path.read_bytes() + b'{"event": "done", "tr'
  path.write_bytes(whole)

  def full(*args):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr('pathlib.Path.write_bytes', full)
  with pytest.raises(errors.MachineError, match='No space left'):
    journal.Journal(path)
  monkeypatch.undo()
  assert path.read_bytes() == whole


_PROPOSED = {'event': 'proposed', 'trial': 3, 'arch': {}, 'footprint': {}}


@pytest.mark.parametrize(
  ('event', 'field'),
  [
    ({**_PROPOSED, 'trial': 3.0}, "'trial' must be a whole number"),
    ({**_PROPOSED, 'trial': True}, "'trial' must be a whole number"),
    ({**_PROPOSED, 'trial': '3'}, "'trial' must be a whole number"),
    ({**_PROPOSED, 'trial': [3]}, "'trial' must be a whole number"),
    ({**_PROPOSED, 'arch': [1]}, "'arch' must be a mapping"),
    ({**_PROPOSED, 'arch': None}, "'arch' must be a mapping"),
    ({**_PROPOSED, 'footprint': 7}, "'footprint' must be a mapping"),
    ({**_PROPOSED, 'footprint': {'params': 'x'}}, 'params is no number'),
    ({**_PROPOSED, 'sources': ['a']}, "'sources' must be a mapping"),
    ({**_PROPOSED, 'sources': {'params': 3}}, "'params', which must be a text"),
    ({**_PROPOSED, 'epochs': 'many'}, "'epochs' must be a whole number"),
    ({**_PROPOSED, 'parent': 1.5}, "'parent' must be a whole number"),
    ({**_PROPOSED, 'time': 'noon'}, "'time' must be a number"),
    (_event('done', 2, metrics=[0.5]), "'metrics' must be a mapping"),
    (_event('done', 2, metrics={'accuracy': 'x'}), 'accuracy is no number'),
    (_event('done', 2, metrics={'accuracy': 3.5}), 'from 0 to 1'),
    (_event('done', 2, metrics={'auc': True}), 'auc is no number'),
    (_event('reported', 2, epoch='1', metrics={}), "'epoch' must be a whole"),
    (_event('reported', 2, epoch=-1, metrics={}), "'epoch' must be a whole"),
    (_event('reported', 2, epoch=1, metrics=None), "'metrics' must be a map"),
    (_event('failed', 2, reason=None), "'reason' must be a text"),
    (_event('failed', 2, reason={'a': 1}), "'reason' must be a text"),
    (_event('stopped', 2, reason=3), "'reason' must be a text"),
    (_event('tested', 1, metrics={'test_accuracy': 2}), 'from 0 to 1'),
    (_event('tested', 1, metrics={'failed_to_compile@a': 2}), 'be a text'),
    (_event(['done'], 2, metrics={}), 'unknown event'),
  ],
)
def test_fields_of_a_wrong_type_are_refused_by_name(tmp_path, event, field):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  number = path.read_text().count('\n') + 1
  with path.open('a') as file:
    file.write(json.dumps(event) + '\n')
  with pytest.raises(errors.UserError, match=f'line {number} makes no') as e:
    journal.read(path)
  assert field in str(e.value)
  assert len(str(e.value)) < 300 + len(str(path))


@pytest.mark.parametrize('word', ['Infinity', '1e999', 'NaN'])
def test_an_infinite_accuracy_is_refused(tmp_path, word):
  path = tmp_path / 'trials.jsonl'
  fill(path)
  text = path.read_text()
  assert text.count('"accuracy": 0.5') == 1
  path.write_text(text.replace('"accuracy": 0.5', f'"accuracy": {word}'))
  with pytest.raises(errors.UserError, match='line 5 ') as e:
    journal.read(path)
  known = ('is no JSON number', 'accuracy is not finite')
  assert any(said in str(e.value) for said in known)


def test_each_line_is_told_with_its_number(tmp_path):
  trials, _ = fill(tmp_path / 'trials.jsonl')
  read, lines = journal.told(tmp_path)
  assert read == trials
  assert [number for number, _ in lines] == list(range(1, 8))
  assert lines[4][1]['event'] == 'done'
