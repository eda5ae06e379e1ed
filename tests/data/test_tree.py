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
  assert len({first, renamed, print_now()}) == 3
