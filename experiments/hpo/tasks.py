"""The two tasks, as configs of `effnas search`."""

from collections.abc import Mapping
import os
from typing import Any

EPOCHS = 9
RUNGS = (1, 3, 9)  # the epochs after which a table knows the accuracy
# Data, arguments of the space.
TASKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
  'digits': (
    {'name': 'digits', 'seed': 0, 'valid': 600, 'test': 600},
    {'depths': [1, 2, 3], 'widths': [8, 16], 'stride': 1},
  ),
  'mnist': (
    {'name': 'mnist', 'seed': 0, 'valid': 2000, 'limit': 2000},
    {'depths': [2, 3], 'widths': [8], 'stride': 2},
  ),
}


def config(
  name: str,
  path: str | os.PathLike[str] | None = None,
  *,
  grid: bool = True,
  search: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Returns the config of a task.

  Args:
    name: One of `TASKS`.
    path: The folder of its files, where it has some.
    grid: Whether ranges are a few of their points.
    search: The section of that name, but its objective.
  """
  data, arguments = TASKS[name]
  given = {} if path is None or name == 'digits' else {'path': os.fspath(path)}
  return {
    'space': 'joint:space',
    'space_args': {**arguments, 'grid': grid},
    'data': {**data, **given},
    'quant': {},
    'optim': {'schedule': 'cosine'},
    'train': {
      'epochs': EPOCHS,
      'seed': 0,
      'label_smoothing': 0.0,
      'init': None,
      'ema': 0.0,
      'dtype': 'float32',
      'augment': [],
      'crop_padding': 0,
      'eval_every': 0,
      'checkpoint_every': 0,
    },
    'footprint': {'targets': [], 'batch': 1, 'compile': []},
    'search': {
      'engine': 'inline',
      'objectives': ['accuracy'],
      **(search or {}),
    },
  }
