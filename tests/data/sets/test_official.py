"""digits, mnist and cifar10: the real ones, and damaged files."""

import gzip
import hashlib
import io
import tarfile
import urllib.error
import urllib.request

import numpy as np
import pytest
import sklearn.datasets

from effnas import data, errors
from effnas.data.sets import cifar10, digits, mnist


@pytest.fixture
def offline(monkeypatch):
  def urlopen(url, timeout):
    raise urllib.error.URLError('offline')

  monkeypatch.setattr(urllib.request, 'urlopen', urlopen)


def test_digits_are_scikit_learns_stretched_to_bytes():
  loaded = data.load('digits')
  assert loaded.provenance['verified'] is True
  assert loaded.classes == 10
  counts = {'train': 1079, 'valid': 359, 'test': 359}
  assert loaded.provenance['counts'] == counts
  parts = (loaded.train, loaded.valid, loaded.test)
  images = np.concatenate([p.x for p in parts])[..., 0]
  source = sklearn.datasets.load_digits().images
  back = np.rint(images * (16 / 255)).astype(np.uint8)
  assert sorted(map(bytes, back)) == sorted(map(bytes, source.astype(np.uint8)))
  assert (images.min(), images.max()) == (0, 255)
  for part in parts:
    share = np.bincount(part.y) / len(part)
    assert np.abs(share - 0.1).max() < 0.006


def test_other_digits_than_the_known_ones_stop(monkeypatch):
  monkeypatch.setattr(digits, '_SHA256', '0' * 64)
  with pytest.raises(errors.UserError, match=r'digits.*verify=False'):
    data.load('digits')
  assert data.load('digits', verify=False).provenance['verified'] is False


def test_mnist_is_the_official_one(shared):
  loaded = data.load('mnist', path=str(shared / 'mnist'), seed=5)
  assert loaded.provenance['verified'] is True
  counts = {'train': 54000, 'valid': 6000, 'test': 10000}
  assert loaded.provenance['counts'] == counts
  assert loaded.input_shape == (28, 28, 1)
  # The first labels of the test part, as published.
  assert loaded.test.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
  np.testing.assert_allclose(loaded.mean, 0.1307, atol=2e-4)
  np.testing.assert_allclose(loaded.std, 0.3081, atol=2e-4)


def test_mnist_of_other_content_stops(tiny):
  options = tiny('mnist')
  with pytest.raises(errors.UserError, match=r'train-images.*verify=False'):
    data.load('mnist', path=options['path'])
  provenance = data.load('mnist', **options).provenance
  assert provenance['verified'] is False
  assert len(provenance['files']) == 4


def test_mnist_reads_unpacked_files_alike(tiny, tmp_path):
  options = tiny('mnist')
  packed = data.load('mnist', **options)
  for path in list(tmp_path.glob('*.gz')):
    path.with_suffix('').write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
  unpacked = data.load('mnist', **options)
  np.testing.assert_array_equal(packed.train.x, unpacked.train.x)


def test_mnist_lies_below_the_environment_variable(tiny, tmp_path, monkeypatch):
  tiny('mnist')
  (tmp_path / 'all').mkdir()
  for path in list(tmp_path.glob('*.gz')):
    (tmp_path / 'all' / 'mnist').mkdir(exist_ok=True)
    path.rename(tmp_path / 'all' / 'mnist' / path.name)
  monkeypatch.setenv('EFFNAS_DATA', str(tmp_path / 'all'))
  assert len(data.load('mnist', verify=False).test) == 20


def damage_cut(data_):
  return data_[: len(data_) // 2]


def repack(change):
  return lambda data_: gzip.compress(change(gzip.decompress(data_)))


@pytest.mark.parametrize(
  ('damage', 'message'),
  [
    (damage_cut, 'is damaged: .*ended before'),
    (lambda _: b'<html>', 'is damaged: Not a gzipped file'),
    (lambda d: d[:-8] + bytes(8), 'is damaged: CRC'),
    (repack(lambda d: b'\1' + d[1:]), 'is no idx file'),
    (repack(lambda d: d[:-1]), 'is damaged: 31359 bytes follow'),
    (repack(lambda d: d[:9]), 'is damaged: its header is cut off'),
    (repack(lambda d: b''), 'is no idx file.*nothing'),
  ],
)
@pytest.mark.parametrize('verify', [True, False])
def test_damaged_mnist_is_said(tiny, tmp_path, damage, message, verify):
  options = tiny('mnist') | {'verify': verify}
  path = tmp_path / 'train-images-idx3-ubyte.gz'
  path.write_bytes(damage(path.read_bytes()))
  with pytest.raises(errors.UserError, match=message) as caught:
    data.load('mnist', **options)
  assert str(path) in str(caught.value)
  assert '\n' not in str(caught.value)


def test_missing_mnist_file_is_asked_for(tiny, tmp_path, offline):
  options = tiny('mnist')
  path = tmp_path / 't10k-labels-idx1-ubyte.gz'
  path.unlink()
  with pytest.raises(errors.UserError, match=f'put {mnist._URL}.* at {path}'):
    data.load('mnist', **options)


def test_cifar10_folder_has_planes_made_channels(tiny, tmp_path):
  options = tiny('cifar10')
  loaded = data.load('cifar10', **options)
  assert loaded.input_shape == (32, 32, 3)
  batch = tmp_path / 'cifar-10-batches-bin' / 'test_batch.bin'
  record = np.frombuffer(batch.read_bytes(), np.uint8)[:3073]
  assert loaded.test.y[0] == record[0]
  planes = record[1:].reshape(3, 32, 32)
  for channel in range(3):
    np.testing.assert_array_equal(
      loaded.test.x[0, :, :, channel], planes[channel]
    )
  inner = data.load('cifar10', path=str(batch.parent), verify=False)
  np.testing.assert_array_equal(inner.test.x, loaded.test.x)


def test_cifar10_folder_of_other_content_stops(tiny):
  options = tiny('cifar10')
  with pytest.raises(errors.UserError, match=r'data_batch_1.*verify=False'):
    data.load('cifar10', path=options['path'])
  provenance = data.load('cifar10', **options).provenance
  assert provenance['verified'] is False
  assert len(provenance['files']) == 6


@pytest.fixture
def archive(tiny, tmp_path):
  """The tiny batches as an archive, without the folder."""
  tiny('cifar10')
  folder = tmp_path / 'cifar-10-batches-bin'
  path = tmp_path / 'cifar-10-binary.tar.gz'
  with tarfile.open(path, 'w:gz') as packed:
    packed.add(folder, folder.name)
  folder.rename(tmp_path / 'away')
  return path


def test_cifar10_archive_equals_its_folder(archive, tmp_path, monkeypatch):
  folder = archive.parent / 'cifar-10-batches-bin'
  (tmp_path / 'away').rename(folder)
  unpacked = data.load('cifar10', path=str(folder), verify=False)
  folder.rename(tmp_path / 'away')
  with pytest.raises(errors.UserError, match=r'tar\.gz.*verify=False'):
    data.load('cifar10', path=str(tmp_path))
  content = archive.read_bytes()
  official = cifar10.source.Official(
    archive.name, cifar10._ARCHIVE.url, hashlib.sha256(content).hexdigest()
  )
  monkeypatch.setattr(cifar10, '_ARCHIVE', official)
  for path in (archive, tmp_path):
    packed = data.load('cifar10', path=str(path))
    assert packed.provenance['verified'] is True
    np.testing.assert_array_equal(packed.train.x, unpacked.train.x)
    np.testing.assert_array_equal(packed.test.x, unpacked.test.x)
  # Nothing was unpacked beside it.
  assert not folder.exists()
  # And it arrives by itself where it is missing.
  monkeypatch.setattr(urllib.request, 'urlopen', served(content))
  fresh = data.load('cifar10', path=str(tmp_path / 'fresh'))
  np.testing.assert_array_equal(fresh.train.x, unpacked.train.x)


def served(content):
  class Response(io.BytesIO):
    headers = {'Content-Length': str(len(content))}

  return lambda url, timeout: Response(content)


def test_damaged_cifar10_archive_is_said(archive, tmp_path):
  whole = archive.read_bytes()
  archive.write_bytes(whole[: len(whole) // 2])
  with pytest.raises(errors.UserError, match=r'tar\.gz is damaged'):
    data.load('cifar10', path=str(tmp_path), verify=False)
  archive.write_bytes(b'no archive')
  with pytest.raises(errors.UserError, match=r'tar\.gz is damaged'):
    data.load('cifar10', path=str(tmp_path), verify=False)
  with tarfile.open(archive, 'w:gz'):
    pass
  with pytest.raises(errors.UserError, match=r'damaged.*data_batch_1'):
    data.load('cifar10', path=str(tmp_path), verify=False)


@pytest.mark.parametrize('verify', [True, False])
def test_damaged_cifar10_batches_are_said(tiny, tmp_path, verify):
  options = tiny('cifar10') | {'verify': verify}
  batch = tmp_path / 'cifar-10-batches-bin' / 'data_batch_1.bin'
  whole = batch.read_bytes()
  for content, message in (
    (whole[:-1], '30729 bytes are no whole number of records of 3073'),
    (b'', '0 bytes'),
    (b'\x0a' + whole[1:], 'labels are 0 to 9, found 10'),
  ):
    batch.write_bytes(content)
    with pytest.raises(errors.UserError, match=f'data_batch_1.*{message}'):
      data.load('cifar10', **options)
  batch.unlink()
  with pytest.raises(errors.UserError, match=r'data_batch_1.* is missing'):
    data.load('cifar10', **options)


def test_missing_cifar10_is_asked_for(tmp_path, offline):
  with pytest.raises(errors.UserError) as caught:
    data.load('cifar10', path=str(tmp_path))
  where = tmp_path / 'cifar-10-binary.tar.gz'
  assert f'put {cifar10._ARCHIVE.url} at {where}' in str(caught.value)
