"""Answers of compilers on disk, in the user's own folder."""

from collections.abc import Mapping
import contextlib
import hashlib
import importlib.metadata
import json
import os
import pathlib
from typing import Any

from effnas import errors, files
from effnas.footprint.compiled import target as target_lib

# Raised when answers change: their fields, or what a worker asks for.
_FORM = 2
# What the user may tell the compilers by the environment.
_FLAGS = ('XLA_FLAGS', 'LIBTPU_INIT_ARGS')
_PACKAGES = ('jax', 'jaxlib')


def key(program: str, plan: target_lib.Plan) -> str:
  """Names a compilation by all that its answer depends on.

  Args:
    program: StableHLO text.
    plan: How it is compiled: the target's description and the compiler's
      version are part of it.

  Returns:
    64 hexadecimal digits.
  """
  said = {
    'form': _FORM,
    'platform': plan.platform,
    'compiler': plan.compiler,
    'topology': plan.topology,
    'flags': [os.environ.get(name, '') for name in _FLAGS],
    'versions': [importlib.metadata.version(name) for name in _PACKAGES],
  }
  text = json.dumps(said, sort_keys=True) + '\n' + program
  return hashlib.sha256(text.encode()).hexdigest()


def read(at: pathlib.Path, name: str) -> dict[str, Any] | None:
  """Returns an answer, or None where there is none that can be read."""
  try:
    found = files.read_json(at / f'{name}.json', 'answer')
  except errors.UserError:
    return None
  return found if isinstance(found, dict) else None


def write(at: pathlib.Path, name: str, answer: Mapping[str, Any]) -> None:
  """Keeps an answer: whole or not at all, and never a reason to fail."""
  with contextlib.suppress(errors.UserError):
    files.write(at / f'{name}.json', json.dumps(answer))
