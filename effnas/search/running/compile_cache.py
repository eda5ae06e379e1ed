"""The compile cache that trials share, from process to process and run to run.

What is in it gets executed, so it must be the user's own.
"""

import os
import sys

from effnas import folders


def environment() -> dict[str, str]:
  """Makes the cache's folder and returns the variables that turn it on.

  Returns:
    Environment variables that JAX reads when it is imported; what the user set
    stays. Empty where no folder of the user's own can be had.
  """
  chosen = os.environ.get('JAX_COMPILATION_CACHE_DIR')
  folder = chosen or folders.cache('xla')
  if folder is None:
    return {}
  # JAX by default does not keep what compiles in under a second.
  least = 'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'
  return {
    'JAX_COMPILATION_CACHE_DIR': str(folder),
    least: os.environ.get(least, '0'),
  }


def turn_on() -> None:
  """Turns the cache on in this process, also where JAX is imported already."""
  found = environment()
  if 'jax' not in sys.modules:  # A driver without networks needs none.
    os.environ.update(found)
    return
  import jax

  for name, value in found.items():
    option = name.lower()
    jax.config.update(option, float(value) if 'secs' in option else value)
