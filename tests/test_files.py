"""Files: whole or not at all, and one line for what cannot be."""

import errno
import os
import pathlib

import pytest

from effnas import errors, files


def test_what_is_written_is_there_and_nothing_beside_it(tmp_path):
  files.write(tmp_path / 'a.txt', 'é')
  files.write_json(tmp_path / 'b.json', {'b': 1, 'a': [2]})
  assert (tmp_path / 'a.txt').read_bytes() == 'é'.encode()
  assert files.read_json(tmp_path / 'b.json', 'file') == {'a': [2], 'b': 1}
  assert sorted(p.name for p in tmp_path.iterdir()) == ['a.txt', 'b.json']


def test_half_a_character_is_written_as_its_escape(tmp_path):
  files.write(tmp_path / 'a.csv', 'arch\ud800,é')
  assert (tmp_path / 'a.csv').read_text('utf-8') == r'arch\ud800,é'


def test_a_failing_write_leaves_the_older_file_and_no_draft(
  tmp_path, monkeypatch
):
  file = tmp_path / 'page.html'
  files.write(file, 'old')

  def full(self, data):
    with self.open('wb') as stream:
      stream.write(data[:2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  monkeypatch.setattr(pathlib.Path, 'write_bytes', full)
  with pytest.raises(
    errors.MachineError, match=r'cannot write .*page\.html: No'
  ):
    files.write(file, 'new')
  assert file.read_text() == 'old'
  assert [p.name for p in tmp_path.iterdir()] == ['page.html']


def test_a_missing_folder_is_bad_input_and_no_fault_of_the_machine(tmp_path):
  with pytest.raises(errors.UserError, match='No such file') as caught:
    files.write(tmp_path / 'none' / 'a', b'')
  assert not errors.of_the_machine(caught.value)


def test_the_machines_fault_is_known_behind_other_errors():
  error = RuntimeError('checkpoint failed')
  assert not errors.of_the_machine(error)
  error.__cause__ = OSError(errno.EROFS, 'Read-only file system')
  assert errors.of_the_machine(error)


@pytest.mark.parametrize(
  'text',
  ['[' * 100_000, '{"a": ' * 50_000, 'NaN', '[Infinity]', '', '{', b'\xff'],
)
def test_what_is_no_json_is_a_value_error(text):
  with pytest.raises(ValueError, match=r'.'):
    files.parse(text)


def test_unreadable_files_are_one_line(tmp_path):
  for path in (tmp_path / 'none', tmp_path, 'a\0b', 'n' * 300):
    with pytest.raises(errors.UserError) as caught:
      files.read_json(path, 'config')
    assert len(str(caught.value).splitlines()) == 1
