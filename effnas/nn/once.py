"""What is found out about a network by tracing it, remembered."""

from typing import Any

from flax import linen


def once(cached: Any, net: linen.Module, *arguments: Any) -> Any:
  """Calls a function of a network that remembers its results.

  Args:
    cached: A function under `functools.lru_cache`.
    net: Its first argument. One with a list or an array in a field has no hash:
      the function is then called every time.
    *arguments: Its further ones, which hash.

  Returns:
    What the function returns.

  Example:
    >>> import functools
    >>> calls = []
    >>> found = functools.lru_cache(lambda net: calls.append(net))
    >>> for net in (linen.Dense(3), linen.Dense(3), linen.Dense(4)):
    ...   once(found, net)
    >>> len(calls)
    2
  """
  try:
    return cached(net, *arguments)
  except TypeError:
    if _hashes(net):
      raise
  return cached.__wrapped__(net, *arguments)


def _hashes(net: linen.Module) -> bool:
  try:
    hash(net)
  except TypeError:
    return False
  return True
