"""Digits, the demo: joint search of architecture, bits and learning rate.

  effnas search --config=configs/digits.py --workdir=runs/digits

needs no download, takes minutes on two CPU cores, and finds an integer network
of over 97 % test accuracy in some tens of kilobytes (README: a run's result).
"""

import ml_collections

from effnas import errors


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; variant 'smoke' takes a minute."""
  if variant not in ('', 'smoke'):
    raise errors.unknown('variant', variant, ['smoke'])
  smoke = variant == 'smoke'
  return ml_collections.ConfigDict(
    {
      'space': 'hybrid',
      'space_args': {
        'input_shape': (8, 8, 1),
        'classes': 10,
        'widths': (16, 32),
        'depths': (1, 2),
        'kernels': (3, 5),
        'expansions': (2, 4),
        'weights': (4, 8),
        'lr': (4e-3, 4e-2),
      },
      'data': {'name': 'digits', 'seed': 0},
      'quant': {'activations': 8, 'patterns': {'stem/*': 8, 'classifier': 8}},
      'optim': {
        'name': 'adamw',
        'warmup': 0.1,
        'schedule': 'cosine',
        'weight_decay': 1e-2,
        'clip': 1.0,
      },
      'train': {
        'epochs': 2 if smoke else 12,
        'batch_size': 64,
        'seed': 0,
        'label_smoothing': 0.1,
        'init': None,
        'ema': 0.0,
        'dtype': 'float32',
        'augment': ('crop',),
        'crop_padding': 1,
        'eval_every': 0,
        'checkpoint_every': 0,
      },
      'footprint': {'targets': ('tpu_v5e', 'cpu'), 'batch': 1, 'compile': ()},
      'search': {
        'engine': 'inline' if smoke else 'ray',
        'trials': 2 if smoke else 16,
        'concurrency': 2,
        'sampler': 'nsga2',
        'sampler_args': {'population': 8},
        'scheduler': 'none',
        'scheduler_args': {},
        'seed': 0,
        'objectives': ('accuracy', 'latency_ms@tpu_v5e', 'size_bytes'),
        'constraints': {'size_bytes': 200_000},
        'asynchronous': False,
        'max_draws': 100,
      },
    }
  )
