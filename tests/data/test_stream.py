"""The stream by itself: numbers instead of images."""

import dataclasses
import sys
import threading

import numpy as np
import pytest

from effnas import errors
from effnas.data import stream


@dataclasses.dataclass
class Numbers:
  """Example i is [i, 0]; to train on, [i, a random number]."""

  values: np.ndarray
  broken: int = -1
  shape: tuple = (2,)
  dtype: type = np.int32

  def __len__(self):
    return len(self.values)

  def take(self, index):
    return dataclasses.replace(self, values=self.values[index])

  def plain(self, row):
    if self.values[row] == self.broken:
      raise errors.UserError(f'{self.broken} is broken')
    return np.array([self.values[row], 0], np.int32)

  def changed(self, row, rng):
    return self.plain(row) + [0, rng.integers(1 << 20)]


def part(n=50, workers=0, **fields):
  source = Numbers(np.arange(n), **fields)
  return stream.Stream.of(source, np.arange(n, dtype=np.int32), workers)


def epoch(made, order, size=16, key=(0, 1)):
  pieces = list(made.pieces(order, size, key, lambda x, y: (x, y)))
  return pieces, *(
    np.concatenate(arrays) for arrays in zip(*pieces, strict=True)
  )


def test_it_reads_as_an_array():
  x = part().x
  whole = np.asarray(x)
  assert (len(x), x.shape, x.dtype) == (50, (50, 2), np.int32)
  assert whole.tolist() == [[i, 0] for i in range(50)]
  for index in (slice(3, 9), slice(None, None, -7), slice(0), 4, -1, [5, 2, 5]):
    np.testing.assert_array_equal(x[index], whole[index])
  mask = np.arange(50) % 3 == 0
  np.testing.assert_array_equal(x[mask], whole[mask])
  assert np.asarray(x, np.float32).dtype == np.float32


def test_parts_are_taken_without_reading():
  taken = part(broken=3).take(np.array([7, 3, 9]))
  assert taken.y.tolist() == [7, 3, 9]
  assert taken.x[[0, 2]].tolist() == [[7, 0], [9, 0]]


def test_pieces_follow_the_order_with_their_labels():
  order = np.random.default_rng(0).permutation(50)[:40]
  pieces, x, y = epoch(part(), order)
  assert [len(y) for _, y in pieces] == [16, 16, 8]
  assert x[:, 0].tolist() == y.tolist() == order.tolist()


def test_changes_depend_on_key_and_example_alone():
  made = part()
  order = np.arange(50)
  _, first, _ = epoch(made, order)
  _, again, _ = epoch(made, order[::-1], size=50)
  np.testing.assert_array_equal(again[::-1], first)
  assert len(set(first[:, 1])) == 50
  for key in ((0, 2), (1, 1)):
    _, other, _ = epoch(made, order, key=key)
    assert not (other[:, 1] == first[:, 1]).any()


@pytest.mark.slow
def test_processes_change_no_bit():
  order = np.random.default_rng(0).permutation(600)
  _, one, _ = epoch(part(600), order, size=256)
  made = part(600, workers=2)
  pieces, two, y = epoch(made, order, size=256)
  assert [len(y) for _, y in pieces] == [256, 256, 88]
  np.testing.assert_array_equal(one, two)
  np.testing.assert_array_equal(y, order)
  np.testing.assert_array_equal(made.x[:], part(600).x[:])
  with pytest.raises(errors.UserError, match=r'^7 is broken$'):
    epoch(part(workers=2, broken=7), order[order < 50])


def test_what_cannot_be_read_is_one_line():
  made = part(broken=33)
  with pytest.raises(errors.UserError, match=r'^33 is broken$'):
    made.x[:]
  pieces = made.pieces(np.arange(50), 10, (0,), lambda x, y: y)
  with pytest.raises(errors.UserError, match=r'^33 is broken$'):
    list(pieces)


def test_leaving_an_epoch_ends_its_threads():
  pieces = part().pieces(np.arange(50), 5, (0,), lambda x, y: y)
  next(pieces)
  pieces.close()
  left = [t.name for t in threading.enumerate() if 'thread-prefetch' in t.name]
  assert not left


def test_pieces_are_made_ahead_in_another_thread():
  made, here = [], threading.get_ident()
  ahead = threading.Event()

  def ready(x, y):
    del x
    made.append(threading.get_ident())
    if len(made) == 2:
      ahead.set()
    return y

  pieces = part().pieces(np.arange(50), 5, (0,), ready)
  next(pieces)
  assert ahead.wait(10)  # though nobody asked for the second yet
  pieces.close()
  assert here not in made
  assert len(made) < 5  # nor are all of them made at once


def test_without_grain_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, 'grain', None)
  with pytest.raises(
    errors.UserError, match=r"pip install 'effnas\[imagenet\]"
  ):
    part().x[:1]


@pytest.mark.parametrize(
  ('dtype', 'example', 'fits'),
  [
    (np.uint8, [7, 255], True),
    (np.uint8, [7, 300], False),
    (np.uint8, [7, -1], False),
    (np.uint8, [7, 0.5], False),
    (np.int32, [7, 2**32 + 1], False),
    (np.float32, [7, 0.1], True),
    (np.float32, [7, 1e300], False),
    (np.float32, [7, np.nan], False),
    (np.int32, [7, 8, 9], False),
  ],
)
def test_examples_come_in_the_promised_type(dtype, example, fits):
  @dataclasses.dataclass
  class Fixed(Numbers):
    def plain(self, row):
      return np.array(example)

    def changed(self, row, rng):
      return np.array(example)

  made = stream.Stream.of(
    Fixed(np.arange(2), dtype=dtype), np.zeros(2, np.int32)
  )
  if fits:
    expected = np.array([example] * 2, dtype)
    for x in (made.x[:], epoch(made, np.arange(2))[1]):
      assert x.dtype == dtype
      np.testing.assert_array_equal(x, expected)
    return
  for read in (lambda: made.x[:], lambda: epoch(made, np.arange(2))):
    with pytest.raises(errors.UserError, match='which does not fit'):
      read()
