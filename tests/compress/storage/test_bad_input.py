"""What does not fit, and damage: one line each."""

import struct
import zlib

import numpy as np
import pytest

from effnas import errors
from effnas.compress import storage
from effnas.compress.storage import tensor
from effnas.footprint import weights


def _stored(huffman=True):
  rng = np.random.default_rng(0)
  kernel = rng.choice(5, (40, 50), p=[0.6, 0.2, 0.1, 0.05, 0.05]) + 1.0
  kernel = kernel.astype('float32') * (rng.random((40, 50)) < 0.1)
  form = storage.Form(kernel != 0, 5, huffman, book='b')
  return storage.pack(
    {'a': {'kernel': kernel}, 'b': kernel}, {'a/kernel': form, 'b': form}
  )


@pytest.mark.parametrize('huffman', [False, True])
def test_every_flipped_bit_and_every_cut_is_noticed(huffman):
  stored = _stored(huffman)
  data = stored['a']['kernel.coded']
  damaged = [data[:n] for n in range(0, data.size, 7)]
  for i in range(8 * data.size):
    flipped = data.copy()
    flipped[i // 8] ^= 1 << i % 8
    damaged.append(flipped)
  damaged += [np.append(data, np.uint8(0)), data.astype('int32'), data[None]]
  for data in damaged:
    with pytest.raises(errors.UserError, match=r"'a/kernel.coded' is damaged"):
      storage.unpack({**stored, 'a': {'kernel.coded': data}})


@pytest.mark.parametrize('huffman', [False, True])
def test_bytes_with_a_valid_checksum_fail_in_one_line_or_give_a_kernel(huffman):
  stored, rng = _stored(huffman), np.random.default_rng(0)
  books = {0: tensor.decode(stored['books.coded']['0'], {})}
  content = stored['a']['kernel.coded'][4:]
  refused = 0
  for _ in range(1500):
    data = content.copy()
    if rng.random() < 0.3:
      data = data[: rng.integers(data.size)]
    for _ in range(rng.integers(1, 4)):
      place = rng.integers(min(data.size, rng.choice([3, 40, 400])) or 1)
      data[place : place + 1] = rng.integers(256)
    if data.size >= 11 and rng.random() < 0.9:
      data[3:11] = content[3:11]  # mostly a small shape
    elif data.size >= 11:
      data[[5, 6, 9, 10]] = 0
    sealed = np.frombuffer(
      struct.pack('<I', zlib.crc32(data.tobytes())) + data.tobytes(), np.uint8
    )
    try:
      tensor.decode(sealed, books)
    except errors.UserError:
      refused += 1
  assert refused > 500


def test_a_missing_or_wrong_book_is_noticed():
  stored = _stored()
  books = stored.pop('books.coded')
  with pytest.raises(errors.UserError, match='the book 0 of float32 values'):
    storage.unpack(stored)
  other = tensor.encode(np.zeros(5, 'int8'))
  with pytest.raises(errors.UserError, match='the book 0 of float32 values'):
    storage.unpack({**stored, 'books.coded': {'0': other}})
  short = tensor.encode(np.zeros(2, 'float32'))
  with pytest.raises(errors.UserError, match='damaged'):
    storage.unpack({**stored, 'books.coded': {'0': short}})
  with pytest.raises(errors.UserError, match=r"'books.coded/x' is no book"):
    storage.unpack({**stored, 'books.coded': {'x': books['0']}})


def test_an_index_beyond_the_palette_is_noticed():
  kernel = np.resize(np.float32([1, 2, 3]), (100,))
  stored = storage.pack({'k': kernel}, {'k': storage.Form(palette=3)})
  content = stored['k.coded'][4:].copy()
  content[-1] = 255
  data = np.frombuffer(
    struct.pack('<I', zlib.crc32(content.tobytes())) + content.tobytes(),
    np.uint8,
  )
  with pytest.raises(errors.UserError, match='an index 3 in a palette of 3'):
    storage.unpack({'k.coded': data})


def test_plain_and_coded_at_once_is_refused():
  stored = _stored()
  stored['a']['kernel'] = np.ones(3)
  with pytest.raises(errors.UserError, match='stored plain and coded'):
    storage.unpack(stored)


def test_a_damaged_file_that_reads_as_one_is_noticed():
  data = bytearray(weights.serialize(_stored()))
  data[-20] ^= 1
  with pytest.raises(errors.UserError, match='is damaged: the checksum'):
    storage.unpack(weights.deserialize(bytes(data)))


KERNEL = np.arange(12, dtype='float32').reshape(3, 4)


@pytest.mark.parametrize(
  ('form', 'words'),
  [
    ({'palette': 257}, 'a palette has 2 to 256 values; got 257'),
    ({'palette': True}, 'a palette has 2 to 256 values; got True'),
    ({'palette': 2.0}, 'a palette has 2 to 256 values; got 2.0'),
    ({'book': 'b'}, "the book 'b' is one of values; say palette=k"),
    ({'palette': 8}, "'k' has 12 distinct living weights, more than its p"),
    ({'living': KERNEL > 5}, "'k' has 5 weights other than zero where its"),
    ({'living': KERNEL}, r'bool mask of its shape \(3, 4\); got float32'),
    ({'living': KERNEL[0] > 0}, r'bool mask of its shape .* got bool \(4,\)'),
    ({'living': 5}, r'bool mask of its shape .* got int64 \(\)'),
  ],
)
def test_forms_that_do_not_fit(form, words):
  with pytest.raises(errors.UserError, match=words):
    storage.pack({'k': KERNEL}, {'k': storage.Form(**form)})


@pytest.mark.parametrize(
  ('form', 'words'),
  [
    ({'living': 13}, "'k' has 0 to 12 living weights; got 13"),
    ({'living': -1}, "'k' has 0 to 12 living weights; got -1"),
    ({'living': 3.0}, "'k' has 0 to 12 living weights; got 3.0"),
    ({'living': True}, "'k' has 0 to 12 living weights; got True"),
    ({'huffman': True}, 'depends on the values: without huffman=True'),
  ],
)
def test_counts_that_do_not_fit(form, words):
  with pytest.raises(errors.UserError, match=words):
    storage.packed_shapes({'k': KERNEL}, {'k': storage.Form(**form)})


@pytest.mark.parametrize('pack', [storage.pack, storage.packed_shapes])
def test_names_that_do_not_fit(pack):
  with pytest.raises(errors.UserError, match="unknown variable with a form 'q"):
    pack({'k': KERNEL}, {'q': storage.Form()})
  with pytest.raises(errors.UserError, match=r"'\.coded' are those of coded"):
    pack({'k.coded': KERNEL})
  with pytest.raises(errors.UserError, match=r"'\.coded' are those of coded"):
    pack({'books.coded': {'k': KERNEL}})
  forms = {
    'a': storage.Form(palette=16, book='b'),
    'b': storage.Form(palette=17, book='b'),
  }
  with pytest.raises(errors.UserError, match=r"book 'b' have one .*17, 'fl"):
    pack({'a': KERNEL, 'b': KERNEL}, forms)


def test_dtypes_without_a_place_are_refused():
  form = storage.Form(KERNEL == 0)
  with pytest.raises(errors.UserError, match=r'got complex64 \(3, 4\)'):
    storage.pack({'k': 0 * KERNEL.astype('complex64')}, {'k': form})
