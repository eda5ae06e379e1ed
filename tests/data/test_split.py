import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from effnas import errors
from effnas.data import dataset, split


def raw(n=100, test=None, sequential=False):
  """Examples whose input is their position; 3 classes of unequal size."""
  x = np.arange(n, dtype=np.float32)[:, None]
  y = np.minimum(np.arange(n) % 5, 2).astype(np.int32)
  held = test and dataset.Split(-1 - x[:test], y[:test])
  return dataset.Raw(
    train=dataset.Split(x, y),
    test=held,
    classes=3,
    kind='vector',
    provenance={'files': [], 'verified': None},
    sequential=sequential,
  )


def positions(part):
  return part.x[:, 0].astype(int).tolist()


@settings(max_examples=40, deadline=None)
@given(
  n=st.integers(20, 200),
  seed=st.integers(0, 2**31),
  valid=st.floats(0.05, 0.4),
  test=st.floats(0.05, 0.4),
)
def test_parts_are_disjoint_and_nothing_is_lost(n, seed, valid, test):
  made = split.assemble('x', raw(n), seed=seed, valid=valid, test=test)
  parts = [positions(p) for p in (made.train, made.valid, made.test)]
  assert sorted(itertools.chain(*parts)) == list(range(n))
  assert len(made.valid) == max(1, round(valid * n))
  assert len(made.test) == max(1, round(test * n))


def test_default_sizes():
  made = split.assemble('x', raw(100))
  counts = {'train': 60, 'valid': 20, 'test': 20}
  assert made.provenance['counts'] == counts
  assert made.provenance['test'] == 'split'
  made = split.assemble('x', raw(100, test=30))
  counts = {'train': 90, 'valid': 10, 'test': 30}
  assert made.provenance['counts'] == counts
  assert made.provenance['test'] == 'official'
  assert positions(made.test) == list(range(-1, -31, -1))


@settings(max_examples=40, deadline=None)
@given(
  sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6),
  share=st.floats(0, 1),
  seed=st.integers(0, 1000),
)
def test_each_class_has_its_share_to_the_nearest_example(sizes, share, seed):
  labels = np.repeat(np.arange(len(sizes)), sizes)
  np.random.default_rng(seed).shuffle(labels)
  count = int(share * len(labels))
  drawn = split.stratified(labels, count, np.random.default_rng(seed))
  assert len(set(drawn.tolist())) == count
  got = np.bincount(labels[drawn], minlength=len(sizes))
  assert (np.abs(got - count * np.array(sizes) / len(labels)) < 1).all()


def test_every_example_may_be_drawn():
  labels = np.arange(12) % 3
  seen = set()
  for seed in range(60):
    rng = np.random.default_rng(seed)
    seen |= set(split.stratified(labels, 3, rng).tolist())
  assert seen == set(range(12))


def test_a_text_is_cut_into_runs():
  made = split.assemble('x', raw(10, sequential=True), valid=2, test=3)
  assert positions(made.train) == [0, 1, 2, 3, 4]
  assert positions(made.valid) == [5, 6]
  assert positions(made.test) == [7, 8, 9]


def test_labels_are_left_to_so_many_rows_in_the_classes_proportions():
  whole = split.assemble('x', raw(), seed=3)
  some = split.assemble('x', raw(), seed=3, labels=12)
  known = some.train.y >= 0
  assert known.sum() == 12
  assert np.array_equal(some.train.x, whole.train.x)
  assert np.array_equal(some.train.y[known], whole.train.y[known])
  assert np.array_equal(some.valid.y, whole.valid.y)
  assert set(some.train.y[~known]) == {-1}
  other = split.assemble('x', raw(), seed=4, labels=12)
  assert not np.array_equal(other.train.y >= 0, known)
  share = np.bincount(whole.train.y) * 12 / len(whole.train)
  assert (abs(np.bincount(some.train.y[known]) - share) <= 1).all()


def test_limit_takes_from_training_alone():
  whole = split.assemble('x', raw(), seed=3)
  small = split.assemble('x', raw(), seed=3, limit=10)
  assert len(small.train) == 10
  assert set(positions(small.train)) < set(positions(whole.train))
  assert positions(small.valid) == positions(whole.valid)
  assert np.bincount(small.train.y).tolist() == [2, 2, 6]


def test_moments_are_those_of_the_training_part():
  made = split.assemble('x', raw(), seed=1, limit=20)
  x = made.train.x.astype(np.float64)
  np.testing.assert_allclose(made.mean, x.mean(axis=0))
  np.testing.assert_allclose(made.std, x.std(axis=0))


def test_moments_of_images_are_exact_on_large_sets():
  # 0 and 255 in halves: the products of the sums pass 64 bits.
  x = np.zeros((2, 3000, 3000, 1), np.uint8)
  x[1] = 255
  assert split.moments(x, 'image') == ((0.5,), (0.5,))


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_a_constant_input_is_not_divided_by_zero(dtype):
  x = np.array([[0, 7], [2, 7]], dtype)
  assert split.moments(x, 'vector') == ((1.0, 7.0), (1.0, 1.0))


@pytest.mark.parametrize('kind', ['image', 'vector'])
def test_prepare_is_the_formula(kind):
  rng = np.random.default_rng(0)
  shape = {'image': (40, 5, 5, 3), 'vector': (40, 3)}[kind]
  x = rng.integers(0, 256, shape).astype(np.uint8)
  x = x if kind == 'image' else x.astype(np.float32)
  part = dataset.Split(x, np.zeros(40, np.int32))
  raw_part = dataset.Raw(part, part, 1, kind, {})
  made = split.assemble('x', raw_part)
  unit = 255 if kind == 'image' else 1
  expected = (x / np.float64(unit) - made.mean) / made.std
  np.testing.assert_allclose(made.prepare(x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
  'options',
  [
    {'valid': 0},
    {'valid': 1.0},
    {'valid': 100},
    {'valid': True},
    {'test': -0.1},
    {'test': '0.1'},
    {'limit': 0},
    {'limit': 61},
    {'limit': 0.5},
    {'labels': 0},
    {'labels': 61},
    {'valid': 0.6, 'test': 0.4},
  ],
)
def test_impossible_sizes_are_said(options):
  with pytest.raises(errors.UserError, match=next(iter(options))):
    split.assemble('x', raw(), **options)


def test_an_own_test_part_is_not_cut_again():
  with pytest.raises(errors.UserError, match='own test part'):
    split.assemble('x', raw(100, test=30), test=0.2)
