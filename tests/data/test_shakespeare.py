"""Tiny Shakespeare: the real text, and other ones."""

import hashlib
import io
import urllib.error
import urllib.request

import numpy as np
import pytest

from effnas import data, errors
from effnas.data.sets import tiny_shakespeare

_LINES = b'All:\nSpeak, speak.\n\n' * 20


def _write(root):
  (root / 'input.txt').write_bytes(_LINES)
  return {'path': str(root), 'verify': False, 'length': 8}


def test_the_official_text(shared):
  path = shared / 'tinyshakespeare.txt'
  if not path.is_file():
    pytest.skip(f'no text at {path}')
  loaded = data.load(
    'tiny_shakespeare', path=str(path), length=64, valid=0.05, test=0.05
  )
  assert loaded.provenance['verified'] is True
  assert loaded.classes == 65
  letters = np.array(list(loaded.provenance['characters']))
  text = path.read_text(encoding='ascii')
  assert sorted(set(text)) == letters.tolist()
  parts = (loaded.train, loaded.valid, loaded.test)
  x = np.concatenate([part.x for part in parts])
  y = np.concatenate([part.y for part in parts])
  assert ''.join(letters[x.ravel()]) == text[: x.size]
  assert ''.join(letters[y.ravel()]) == text[1 : x.size + 1]
  assert len(text) - x.size <= 64
  assert [len(part) for part in parts] == [15686, 871, 871]


def test_windows_are_runs_of_the_text(tmp_path):
  loaded = data.load('tiny_shakespeare', **_write(tmp_path))
  letters = np.array(list(loaded.provenance['characters']))
  assert loaded.provenance['verified'] is False
  assert loaded.classes == len(set(_LINES))
  for part in (loaded.train, loaded.valid, loaded.test):
    assert part.x.shape == part.y.shape
    np.testing.assert_array_equal(part.x[:, 1:], part.y[:, :-1])
    text = ''.join(letters[part.x.ravel()])
    assert text.encode() in _LINES
  # The last part is the end of the text.
  assert np.array_equal(loaded.valid.y[-1, -1], loaded.test.x[0, 0])


def test_another_text_stops(tmp_path):
  options = _write(tmp_path) | {'verify': True}
  with pytest.raises(errors.UserError, match=r'input\.txt.*verify=False'):
    data.load('tiny_shakespeare', **options)
  # By its own path too.
  options['path'] = str(tmp_path / 'input.txt')
  with pytest.raises(errors.UserError, match=r'input\.txt.*verify=False'):
    data.load('tiny_shakespeare', **options)


def test_a_short_text_and_an_impossible_length_are_said(tmp_path):
  options = _write(tmp_path)
  with pytest.raises(errors.UserError, match=r'400 characters.*601 or more'):
    data.load('tiny_shakespeare', **options | {'length': 200})
  for length in (0, True, 2.0):
    with pytest.raises(errors.UserError, match='length must be'):
      data.load('tiny_shakespeare', **options | {'length': length})


def test_a_missing_text_is_fetched_or_asked_for(tmp_path, monkeypatch):
  def offline(url, timeout):
    raise urllib.error.URLError('offline')

  monkeypatch.setattr(urllib.request, 'urlopen', offline)
  with pytest.raises(errors.UserError, match=r'put https.* at .*input\.txt'):
    data.load('tiny_shakespeare', path=str(tmp_path))

  class Response(io.BytesIO):
    headers = {'Content-Length': str(len(_LINES))}

  official = tiny_shakespeare.source.Official(
    'input.txt', 'https://there', hashlib.sha256(_LINES).hexdigest()
  )
  monkeypatch.setattr(tiny_shakespeare, '_TEXT', official)
  monkeypatch.setattr(
    urllib.request, 'urlopen', lambda url, timeout: Response(_LINES)
  )
  fetched = data.load('tiny_shakespeare', path=str(tmp_path), length=8)
  assert fetched.provenance['verified'] is True
  assert (tmp_path / 'input.txt').read_bytes() == _LINES
