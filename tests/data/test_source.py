import hashlib
import io
import pathlib
import urllib.error
import urllib.request

import pytest

from effnas import errors
from effnas.data import source

CONTENT = b'what the publisher serves'
FILE = source.Official(
  'set.bin',
  'https://example.org/set.bin',
  hashlib.sha256(CONTENT).hexdigest(),
)


class Response(io.BytesIO):
  def __init__(self, data, length=None):
    super().__init__(data)
    self.headers = {} if length is None else {'Content-Length': str(length)}


@pytest.fixture
def serve(monkeypatch):
  asked = []

  def install(answer):
    def urlopen(url, timeout):
      assert timeout > 0
      asked.append(url)
      if isinstance(answer, Exception):
        raise answer
      return answer

    monkeypatch.setattr(urllib.request, 'urlopen', urlopen)
    return asked

  return install


def test_download_arrives_whole_and_once(serve, tmp_path):
  asked = serve(Response(CONTENT, len(CONTENT)))
  target = tmp_path / 'below' / 'set.bin'
  assert source.obtain(FILE, target, True).read_bytes() == CONTENT
  assert asked == [FILE.url]
  source.obtain(FILE, target, True)
  assert asked == [FILE.url]
  assert [p.name for p in target.parent.iterdir()] == ['set.bin']


def test_offline_says_which_file_to_put_where(serve, tmp_path):
  serve(urllib.error.URLError('Name or service not known'))
  target = tmp_path / 'below' / 'set.bin'
  with pytest.raises(errors.UserError) as caught:
    source.obtain(FILE, target, True)
  message = str(caught.value)
  assert '\n' not in message
  assert f'put {FILE.url} at {target}' in message
  assert 'Name or service not known' in message
  assert not target.parent.exists()


@pytest.mark.parametrize(
  'answer', [Response(CONTENT[:-1], len(CONTENT)), TimeoutError('timed out')]
)
def test_broken_download_leaves_nothing(serve, tmp_path, answer):
  serve(answer)
  with pytest.raises(errors.UserError, match='could not be downloaded'):
    source.obtain(FILE, tmp_path / 'set.bin', False)
  assert not list(tmp_path.iterdir())


def test_differing_download_stops_and_leaves_nothing(serve, tmp_path):
  serve(Response(b'something else'))
  with pytest.raises(errors.UserError, match=r'set\.bin.*verify=False'):
    source.obtain(FILE, tmp_path / 'set.bin', True)
  assert not list(tmp_path.iterdir())


def test_differing_download_is_kept_where_the_user_says_so(serve, tmp_path):
  serve(Response(b'something else'))
  path = source.obtain(FILE, tmp_path / 'set.bin', False)
  assert path.read_bytes() == b'something else'
  entry = source.check(path, source.digest_of(path), FILE.sha256, False)
  assert entry['verified'] is False
  assert entry['file'] == 'set.bin'


def test_folder_is_the_option_then_the_environment_then_home(monkeypatch):
  monkeypatch.setenv('EFFNAS_DATA', 'all/data')
  assert source.folder('mnist', 'here') == pathlib.Path('here')
  assert source.folder('mnist', None) == pathlib.Path('all/data/mnist')
  monkeypatch.delenv('EFFNAS_DATA')
  home = pathlib.Path.home()
  assert source.folder('mnist', None) == home / '.cache/effnas/mnist'


@pytest.mark.parametrize(
  ('each', 'all_of_them'),
  [
    ([True, True], True),
    ([True, False], False),
    ([True, None], None),
    ([None], None),
  ],
)
def test_a_set_is_verified_where_each_file_is(each, all_of_them):
  files = [{'file': 'f', 'sha256': '', 'verified': v} for v in each]
  assert source.record(files)['verified'] is all_of_them
