import pytest

from effnas.report import marked


def test_what_stands_outside_of_the_marks_stays(tmp_path):
  text = 'a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y --><!-- /y -->\nc\n'
  file = tmp_path / 'README.md'
  file.write_text(text)
  marked.renew(file, {'x': '| 1 |\n', 'y': 'two\nlines'})
  found = file.read_text()
  assert found == (
    'a\n<!-- x -->\n| 1 |\n<!-- /x -->\nb\n<!-- y -->\ntwo\nlines\n'
    '<!-- /y -->\nc\n'
  )
  marked.renew(file, {'x': '| 1 |\n', 'y': 'two\nlines'})
  assert file.read_text() == found


def test_a_missing_mark_loses_nothing(tmp_path):
  file = tmp_path / 'README.md'
  file.write_text('<!-- x --> but no end')
  with pytest.raises(ValueError, match="lacks a mark of 'x'"):
    marked.renew(file, {'x': 'new'})
  assert file.read_text() == '<!-- x --> but no end'
  marked.renew(tmp_path / 'none.md', {'x': 'new'})
  assert not (tmp_path / 'none.md').exists()
