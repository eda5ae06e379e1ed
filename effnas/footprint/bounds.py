"""What figures are when a program holds work that cannot be counted."""

from collections.abc import Iterable

LEAST, MOST = 'a lower bound', 'an upper bound'


def told(source: str, uncounted: Iterable[str]) -> str:
  """Says beside a figure's source that the figure is a lower bound, if it is.

  Args:
    source: Where the figure comes from.
    uncounted: 'primitive at path' of what is not counted in full.

  Returns:
    The source, with the first few of those.

  Example:
    >>> told('counted', []), told('counted', ['while at solver'])
    ('counted', 'counted, a lower bound without all of while at solver')
  """
  names = list(uncounted)
  if not names:
    return source
  shown = ', '.join(names[:2]) + (', ...' if len(names) > 2 else '')
  return f'{source}, {LEAST} without all of {shown}'


def inverse(source: str) -> str:
  """Returns the source of a figure's inverse, as a throughput is of a time."""
  return source.replace(LEAST, MOST)


def words(source: str) -> str:
  """Returns what to say before a figure of this source.

  Example:
    >>> words('counted, a lower bound without all of fft'), words('counted')
    ('at least ', '')
  """
  if LEAST in source:
    return 'at least '
  return 'at most ' if MOST in source else ''
