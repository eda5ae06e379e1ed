"""Easy rows first."""

import types

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, train
from effnas.train import curriculum, epoch, evaluation


class Count(linen.Module):
  """Counts the rows that it sees, each one-hot."""

  @linen.compact
  def __call__(self, x, train=False):
    seen = self.variable('seen', 'rows', jnp.zeros, x.shape[-1])
    if train:
      seen.value += x.sum(0)
    return linen.Dense(2, name='line')(x)


def _counts(epochs, until, n=16, batch=4, folder=None, **course):
  """How often each row was trained on until the end of an epoch."""
  x = np.eye(n, dtype=np.float32)
  split = types.SimpleNamespace(x=x, y=np.arange(n, dtype=np.int32) % 2)
  data = types.SimpleNamespace(
    train=split, valid=split, kind='vector', prepare=jnp.asarray
  )
  fitted = train.fit(
    Count(),
    data,
    epochs=epochs,
    until=until,
    batch_size=batch,
    curriculum=course,
    checkpoint_dir=folder,
  )
  return np.asarray(fitted.variables['seen']['rows']), fitted


def test_an_epoch_draws_from_the_easiest():
  hard = np.random.default_rng(0).permutation(16).astype(float)
  easiest = np.argsort(hard)[:4]
  seen, _ = _counts(4, 1, losses=hard, start=0.25, full=1.0)
  assert (seen[easiest] == 4).all()  # as many steps as ever
  assert seen.sum() == 16
  # At the end all rows are in, each once.
  before, _ = _counts(4, 3, losses=hard, start=0.25, full=0.5)
  after, _ = _counts(4, 4, losses=hard, start=0.25, full=0.5)
  assert (after - before == 1).all()


def test_the_network_judges_after_some_epochs_and_a_resumed_one_remembers(
  tmp_path,
):
  one, fitted = _counts(6, 1, start=0.25, full=1.0, after=1)
  assert (one == 1).all()
  two, _ = _counts(6, 2, start=0.25, full=1.0, after=1)
  assert sorted(two - one) == [0] * 12 + [4] * 4
  split = types.SimpleNamespace(
    x=np.eye(16, dtype=np.float32), y=np.arange(16) % 2
  )
  data = types.SimpleNamespace(prepare=jnp.asarray)

  losses = evaluation.row_losses(Count(), fitted.variables, split, data)
  np.testing.assert_array_equal(
    np.sort(np.flatnonzero(two - one)), np.sort(np.argsort(losses)[:4])
  )
  whole, _ = _counts(6, 4, start=0.25, full=1.0, after=1)
  _counts(6, 3, start=0.25, full=1.0, after=1, folder=tmp_path)
  resumed, _ = _counts(6, 4, start=0.25, full=1.0, after=1, folder=tmp_path)
  np.testing.assert_array_equal(resumed, whole)


def test_shares_share_a_program():
  epoch.compiled.cache_clear()
  for start in (0.25, 0.5):
    _counts(4, 4, start=start, full=1.0, losses=np.arange(16.0))
  assert epoch.compiled.cache_info().misses == 1


def test_rows_are_judged_once(monkeypatch):
  calls = []
  judge = evaluation.row_losses

  def noted(*args, **kwargs):
    calls.append(args)
    return judge(*args, **kwargs)

  monkeypatch.setattr(evaluation, 'row_losses', noted)
  _counts(6, 5, start=0.25, full=1.0, after=2)
  assert len(calls) == 1
  _counts(6, 2, start=0.25, full=1.0, after=2)
  assert len(calls) == 1


def test_shares_rise():
  course = curriculum.Curriculum(start=0.2, full=0.5, losses=np.zeros(3))
  shares = [course.share(epoch, 10) for epoch in range(1, 11)]
  np.testing.assert_allclose(shares[:6], [0.2, 0.36, 0.52, 0.68, 0.84, 1.0])
  assert shares[6:] == [1.0] * 4


def test_there_is_always_a_batch_and_a_row_without_label_is_hardest():
  given = curriculum.numbers(np.arange(10), 0.01, least=4)
  assert given['count'] == 4
  split = types.SimpleNamespace(
    x=np.eye(3, dtype=np.float32), y=np.array([0, -1, 1])
  )
  data = types.SimpleNamespace(prepare=jnp.asarray)
  variables = Count().init(jax.random.key(0), split.x)
  losses = evaluation.row_losses(Count(), variables, split, data)
  assert curriculum.order(losses)[-1] == 1
  logits = np.asarray(Count().apply(variables, split.x))
  expected = np.log(np.exp(logits[0]).sum()) - logits[0, 0]
  np.testing.assert_allclose(losses[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
  ('settings', 'words'),
  [
    ({'start': 0}, 'start must be a share, more than 0'),
    ({'full': 1.5}, 'full must be a share'),
    ({'after': 0}, 'after must be the epochs, 1 or more'),
    ({'stat': 0.1}, "did you mean 'start'"),
    ({'losses': [1.0]}, 'one for each of 64 rows'),
    ([0.3], 'curriculum holds settings by name'),
  ],
)
def test_bad_settings(make_data, make_net, settings, words):
  with pytest.raises(errors.UserError, match=words) as told:
    train.fit(
      make_net(), make_data(), epochs=2, batch_size=8, curriculum=settings
    )
  assert '\n' not in str(told.value)


def test_a_split_in_pieces_has_no_order(make_data, make_net):
  with pytest.raises(errors.UserError, match='comes in 8 pieces'):
    train.fit(
      make_net(),
      make_data(),
      epochs=2,
      batch_size=8,
      curriculum={},
      device_bytes=1,
    )
