r"""NAS-Bench-201 from its table: accuracy against latency, in seconds.

  effnas search --config=configs/nasbench201.py --workdir=runs/nasbench201 \
    --config.table.path=nasbench201_12epoch.csv.gz

Nothing is trained: each of the 15,625 cells was, and the table tells what came
of it. Take it to try samplers, or your own, at the cost of a look:

  effnas search --config=configs/nasbench201.py --workdir=runs/tpe \
    --config.table.path=nasbench201_12epoch.csv.gz \
    --config.search.sampler=tpe --config.search.objectives="('accuracy',)"

Variant 'surrogate' has a model fitted to part of the table predict the rest.
"""

import ml_collections

from effnas import errors

_TRIALS = {'': 200, 'smoke': 20, 'surrogate': 200}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; variant 'smoke' looks up 20 cells."""
  if variant not in _TRIALS:
    raise errors.unknown('variant', variant, _TRIALS)
  table = {
    'name': 'nasbench201',
    'path': 'nasbench201_12epoch.csv.gz',
    'dataset': 'cifar10',
    'verify': True,
  }
  if variant == 'surrogate':
    table['surrogate'] = {'predictor': 'trees', 'seed': 0, 'share': 0.1}
  return ml_collections.ConfigDict(
    {
      'table': table,
      'search': {
        'engine': 'inline',
        'trials': _TRIALS[variant],
        'concurrency': 1,
        'sampler': 'motpe',
        'sampler_args': {},
        'scheduler': 'none',
        'scheduler_args': {},
        'seed': 0,
        'objectives': ('accuracy', 'latency_ms@pixel2'),
        'constraints': {},
        'asynchronous': False,
        'max_draws': 100,
      },
    }
  )
