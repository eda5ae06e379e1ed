"""Tables in a text, between marks that Markdown does not show."""

from collections.abc import Mapping
import pathlib

from effnas import files

_BEGIN, _END = '<!-- {} -->', '<!-- /{} -->'


def renewed(text: str, tables: Mapping[str, str]) -> str:
  r"""Returns a text with other tables between its marks.

  Args:
    text: The text.
    tables: Name of a pair of marks to what shall stand between them.

  Raises:
    ValueError: A mark is missing.

  Example:
    >>> renewed('a <!-- x -->old<!-- /x --> b', {'x': 'new'})
    'a <!-- x -->\nnew\n<!-- /x --> b'
  """
  for name, table in tables.items():
    before, begin, rest = text.partition(_BEGIN.format(name))
    _, end, after = rest.partition(_END.format(name))
    if not begin or not end:
      raise ValueError(f'the text lacks a mark of {name!r}')
    text = f'{before}{begin}\n{table.rstrip()}\n{end}{after}'
  return text


def renew(path: pathlib.Path, tables: Mapping[str, str]) -> None:
  """Puts tables between their marks in a file; no file is no error.

  Args:
    path: The file.
    tables: As for `renewed`.
  """
  if path.exists():
    text = path.read_text(encoding='utf-8')
    files.write(path, renewed(text, tables))
