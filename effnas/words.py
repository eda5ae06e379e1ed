"""Words of messages that depend on a number."""


def number(count: int, what: str, several: str | None = None) -> str:
  """Returns a count with its noun, in the form that the count asks for.

  Args:
    count: How many.
    what: The noun for one.
    several: For more, or for none; by default with an s.

  Example:
    >>> number(1, 'trial'), number(1200, 'trial'), number(0, 'class', 'classes')
    ('1 trial', '1,200 trials', '0 classes')
  """
  noun = what if count == 1 else several or f'{what}s'
  return f'{count:,} {noun}'
