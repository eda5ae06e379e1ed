"""A training whose data set is decoded meanwhile."""

from flax import linen
import numpy as np
import pytest

from effnas import data, errors, train
from effnas.train import epoch as epoch_lib


class Net(linen.Module):
  """Sees the mean colour, which is the class."""

  @linen.compact
  def __call__(self, x, train=False):
    del train
    return linen.Dense(3)(x.mean(axis=(1, 2)))


SIZE = 8


@pytest.fixture
def dataset(tmp_path, write_images):
  path = write_images(tmp_path / 'data', {'train': 16, 'val': 4}, (10, 16))
  return data.load('imagenet', path=path, size=SIZE, valid=8)


def fit(dataset, **changes):
  settings = {
    'epochs': 4,
    'batch_size': 8,
    'optim': {'lr': 0.3},
    'eval_every': 4,
    'device_bytes': 3 * 16 * SIZE * SIZE * 3,  # pieces of two batches
  }
  return train.fit(Net(), dataset, **(settings | changes))


def assert_same(one, two):
  kernels = [f.variables['params']['Dense_0']['kernel'] for f in (one, two)]
  assert np.asarray(kernels[0]).tobytes() == np.asarray(kernels[1]).tobytes()
  assert one.history == two.history


def test_it_learns_in_compiled_pieces_and_is_evaluated(dataset):
  compiled = epoch_lib.compiled.cache_info().currsize
  fitted = fit(dataset)
  assert epoch_lib.compiled.cache_info().currsize <= compiled + 1
  assert fitted.history[-1]['train_accuracy'] > 0.9
  assert fitted.history[-1]['accuracy'] == 1.0
  net = Net()
  found = train.evaluate(net, fitted.variables, dataset.test, dataset)
  assert found['accuracy'] == 1.0
  logits = train.predict(
    net, fitted.variables, dataset.test.x, dataset, batch_size=5
  )
  whole = train.predict(
    net, fitted.variables, np.asarray(dataset.test.x), dataset, batch_size=5
  )
  np.testing.assert_array_equal(logits, whole)


def test_resumed_equals_uninterrupted(dataset, tmp_path):
  class Stop(Exception):
    pass

  def stop(epoch, _):
    if epoch == 2:
      raise Stop

  with pytest.raises(Stop):
    fit(dataset, checkpoint_dir=tmp_path / 'c', on_epoch=stop)
  epochs = []
  resumed = fit(
    dataset,
    checkpoint_dir=tmp_path / 'c',
    on_epoch=lambda epoch, _: epochs.append(epoch),
  )
  assert epochs == [2, 3, 4]
  assert_same(resumed, fit(dataset))


def test_an_image_that_breaks_ends_the_training_in_one_line(dataset, tmp_path):
  for file in (tmp_path / 'data/train').glob('*/00*'):
    file.write_bytes(b'?')
  with pytest.raises(errors.UserError, match='is no readable image'):
    fit(dataset)
