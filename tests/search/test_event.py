"""What is an event, and what may be left of one."""

import pytest

from effnas.search import event

_EVENT = {
  'event': 'proposed',
  'trial': 12,
  'arch': {'a.b': True, 'c': [1.5e-7, None, False, -3], 'd': 'x\\ü"y😀'},
  'footprint': {'params': 5, 'big': 1e30},
  'time': 1.5,
}


@pytest.mark.parametrize(
  'made',
  [_EVENT, {'trial': 1, 'event': 'failed', 'reason': 'C:\\u \\\\ \ud800'}],
)
def test_every_beginning_of_an_event_may_be_torn_and_the_whole_is_not(made):
  line = event.line(made)
  assert event.parse(line)['trial'] == made['trial']
  cuts = range(1, len(line) - 1)
  assert [cut for cut in cuts if not event.torn(line[:cut])] == []
  assert not event.torn(line[:-1])


@pytest.mark.parametrize(
  'text',
  [
    b'[{"event": "done"',
    b'{"event": "done", "trial": 1} x',
    b'{"event": "done", "trial": 1, x',
    b'{"event": "done", "trial": 1, "metrics": {} ]',
    b'{"event": "dnoe", "trial": 1',
    b'{"trial": 1, "eve',
    b'garbage',
    b'\0' * 40,
    b'{"event": "done", "a\x00": 1',
    b'{"event": "d\xff',
    b'[]',
    b'{}',
    b'null',
  ],
)
def test_nothing_else_is_torn(text):
  assert not event.torn(text)


def test_half_characters_are_written_as_what_they_are():
  line = event.line({'event': 'failed', 'trial': 0, 'reason': 'a\ud800'})
  assert event.parse(line)['reason'] == 'a\\ud800'


@pytest.mark.parametrize(
  ('values', 'said'),
  [
    ({'accuracy': 3.5}, 'accuracy is 3.5'),
    ({'test_accuracy': -0.1}, 'test_accuracy is -0.1'),
    ({'latency_ms@a100': -1}, 'latency_ms@a100 is -1'),
    ({'size_bytes': -4}, 'at least 0'),
    ({'loss': 'low'}, "loss is no number: 'low'"),
    ({'auc': True}, 'auc is no number'),
    ({'seconds': 10**400}, 'seconds is not finite'),
    ({'failed_to_compile@a100': 3}, 'must be a text'),
  ],
)
def test_values_that_cannot_be(values, said):
  assert said in event.flaw(values)
  assert event.flaw({'accuracy': 1.0 + 1e-9, 'loss': -2, 'f1': None}) == ''
