import logging
import os

import pytest

from effnas import errors
from effnas.data import tree


def write(root, *paths):
  for path in paths:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(path)


def test_one_folder_per_class_in_order_of_names(tmp_path):
  write(tmp_path, 'b/2.txt', 'a/1.TXT', 'b/1.txt', 'a/notes.md', '.x/1.txt')
  found = tree.read(tmp_path, ('.txt',))
  assert found.classes == ('a', 'b')
  got = [(e.path.name, e.label) for e in found.train]
  assert got == [('1.TXT', 0), ('1.txt', 1), ('2.txt', 1)]
  assert found.test is None


def test_a_class_has_the_files_of_folders_within(tmp_path, caplog):
  write(tmp_path, 'a/2.txt', 'a/1/x.txt', 'a/1/y/z.txt', 'a/3/x.txt', 'b/1.txt')
  with caplog.at_level(logging.INFO):
    found = tree.read(tmp_path, ('.txt',))
  names = [str(e.path.relative_to(tmp_path)) for e in found.train]
  assert names == [
    'a/1/x.txt',
    'a/1/y/z.txt',
    'a/2.txt',
    'a/3/x.txt',
    'b/1.txt',
  ]
  assert [e.label for e in found.train] == [0, 0, 0, 0, 1]
  (record,) = caplog.records
  assert record.levelno == logging.WARNING
  told = '5 files read of classes a, b, 3 of them from folders within'
  assert record.getMessage() == f'{tmp_path}: {told}'


def test_what_is_passed_over_is_counted_and_said(tmp_path, caplog):
  write(tmp_path, 'train/a/1.png', 'train/a/2.heic', 'train/a/3.heic')
  write(tmp_path, 'train/b/1.png', 'train/b/._1.png', 'train/b/.DS_Store')
  write(tmp_path, 'train/0.png', 'train/b/noending', 'train/b/x.a b')
  write(tmp_path, 'test/b/1.png', 'test/b/.git/1.png', '__MACOSX/a/._1.png')
  found = tree.read(tmp_path, ('.png',))
  assert [e.path.name for e in found.train] == ['1.png', '1.png']
  assert found.passed_over == {
    'hidden': 4,
    '.heic': 2,
    'of other kinds': 2,
    'outside of the class folders': 1,
  }
  told = '3 files read of classes a, b; 9 passed over: 4 hidden, 2 .heic'
  assert told in caplog.text
  assert found.provenance() == {
    'labels': ['a', 'b'],
    'read': 3,
    'passed_over': found.passed_over,
  }


def test_nothing_is_said_of_what_no_one_misses(tmp_path, caplog):
  write(tmp_path, 'a/1.png', 'b/1.png', 'b/.DS_Store')
  found = tree.read(tmp_path, ('.png',))
  assert found.passed_over == {'hidden': 1}
  assert not caplog.records
  write(tmp_path, 'b/._1.png')
  tree.read(tmp_path, ('.png',))
  assert '2 passed over: 2 hidden' in caplog.text


def test_many_reasons_stay_one_line(tmp_path, caplog):
  write(tmp_path, *(f'{c}/1.png' for c in 'abcdefgh'))
  write(tmp_path, *(f'a/{i}.{i}' for i in range(50)))
  found = tree.read(tmp_path, ('.png',))
  assert len(found.passed_over) == 13
  assert sum(found.passed_over.values()) == 50
  said = caplog.records[0].getMessage().removeprefix(str(tmp_path))
  assert len(said) < 200
  assert 'a, b, c, d, e, f and 2 more' in said
  assert said.endswith(' and 7 more')


def test_links_do_not_lead_in_circles(tmp_path):
  write(tmp_path, 'a/1.txt', 'a/n/2.txt', 'b/1.txt')
  os.symlink(tmp_path / 'a', tmp_path / 'a/n/again')
  os.symlink(tmp_path, tmp_path / 'a/all')
  os.symlink(tmp_path / 'a/n', tmp_path / 'a/twin')
  os.symlink(tmp_path / 'b/1.txt', tmp_path / 'a/other.txt')
  found = tree.read(tmp_path, ('.txt',))
  names = sorted(e.path.name for e in found.train)
  assert names == ['1.txt', '1.txt', '2.txt', 'other.txt']
  assert found.passed_over == {'folder that was read before': 3}


def test_what_is_no_file_is_said(tmp_path):
  write(tmp_path, 'a/1.txt', 'b/1.txt')
  os.symlink(tmp_path / 'gone.txt', tmp_path / 'a/2.txt')
  with pytest.raises(errors.UserError, match=r'a/2\.txt is no file to read'):
    tree.read(tmp_path, ('.txt',))
  (tmp_path / 'a/2.txt').unlink()
  os.mkfifo(tmp_path / 'a/2.txt')
  with pytest.raises(errors.UserError, match=r'a/2\.txt is no file to read'):
    tree.read(tmp_path, ('.txt',))


def test_a_folder_that_cannot_be_read_is_said(tmp_path, monkeypatch):
  write(tmp_path, 'a/1.txt', 'b/1.txt')
  scan = os.scandir

  def refused(path):
    if str(path).rstrip('/').endswith('b'):
      raise PermissionError(13, 'Permission denied', str(path))
    return scan(path)

  monkeypatch.setattr(os, 'scandir', refused)
  with pytest.raises(errors.UserError, match=r'/b/? cannot be read: Perm'):
    tree.read(tmp_path, ('.txt',))


def test_train_and_test_above_share_the_classes(tmp_path):
  write(tmp_path, 'train/a/1.txt', 'train/b/1.txt', 'test/b/9.txt')
  found = tree.read(tmp_path, ('.txt',))
  assert [(e.path.name, e.label) for e in found.test] == [('9.txt', 1)]


def test_a_train_may_be_a_vehicle(tmp_path):
  write(tmp_path, 'train/1.txt', 'car/1.txt')
  assert tree.read(tmp_path, ('.txt',)).classes == ('car', 'train')


@pytest.mark.parametrize(
  ('paths', 'message'),
  [
    (['a/1.txt'], 'two or more; found 1'),
    (['1.txt'], 'two or more; found 0'),
    (['a/1.txt', 'b/1.md'], r'b holds no example \(\.txt\)'),
    (['train/a/1.txt', 'train/b/1.txt', 'val/a/1.txt'], 'val: beside train'),
    (
      ['Train/a/1.txt', 'Test/a/1.txt'],
      r'parts \(Test, Train\) and no',
    ),
    (['training/a/1.txt', 'val/a/1.txt'], 'no classes; name the part to train'),
    (['train/1.txt', 'test/1.txt'], r'parts \(test, train\) and no classes'),
    (
      ['train/a/1.txt', 'train/b/1.txt', 'test/c/1.txt'],
      "train has no class 'c'",
    ),
  ],
)
def test_other_layouts_are_said(tmp_path, paths, message):
  write(tmp_path, *paths)
  with pytest.raises(errors.UserError, match=message):
    tree.read(tmp_path, ('.txt',))


def test_fingerprint_changes_with_content_and_name(tmp_path):
  write(tmp_path, 'a/1.txt', 'b/1.txt')

  def print_now():
    return tree.fingerprint(tree.read(tmp_path, ('.txt',)), tmp_path)['sha256']

  first = print_now()
  assert print_now() == first
  (tmp_path / 'a/1.txt').rename(tmp_path / 'a/2.txt')
  renamed = print_now()
  (tmp_path / 'b/1.txt').write_text('changed')
  (tmp_path / 'b/1.txt').rename(tmp_path / os.fsdecode(b'b/\xff.txt'))
  assert len({first, renamed, print_now()}) == 3
