import pytest

from effnas import errors
from effnas.search import tidying


def _stopped(folder, journal=None):
  with pytest.raises(errors.UserError, match='no such space'):
    _search(folder, journal)


def _search(folder, journal):
  with tidying.tidy(folder, lambda path: bool(journal)):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'config.json').write_text('{}')
    if journal is not None:
      (folder / 'trials.jsonl').write_text(journal)
    raise errors.UserError('no such space')


def test_what_was_made_in_vain_is_gone(tmp_path):
  _stopped(tmp_path / 'a' / 'b', '')
  assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_empty_again(tmp_path):
  (tmp_path / 'a').mkdir()
  _stopped(tmp_path / 'a')
  assert list((tmp_path / 'a').iterdir()) == []


def test_trials_are_kept(tmp_path):
  _stopped(tmp_path / 'a', '{}\n')
  assert (tmp_path / 'a' / 'trials.jsonl').read_text() == '{}\n'


def test_what_was_there_before_is_kept(tmp_path):
  (tmp_path / 'mine.txt').write_text('mine')
  _stopped(tmp_path)
  assert (tmp_path / 'mine.txt').read_text() == 'mine'
