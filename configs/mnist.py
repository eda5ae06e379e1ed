"""MNIST: joint search of architecture, bits and learning rate.

  effnas search --config=configs/mnist.py --workdir=runs/mnist

needs the four idx files (downloaded where there is a network; else
`--config.data.path=FOLDER`).
"""

import ml_collections

from effnas import errors

# epochs, trials, training examples
_BUDGETS = {'': (10, 24, None), 'smoke': (1, 1, 256)}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; variant 'smoke' takes a minute."""
  if variant not in _BUDGETS:
    raise errors.unknown('variant', variant, _BUDGETS)
  epochs, trials, limit = _BUDGETS[variant]
  return ml_collections.ConfigDict(
    {
      'space': 'hybrid',
      'space_args': {
        'input_shape': (28, 28, 1),
        'classes': 10,
        'widths': (8, 16, 32),
        'depths': (1, 2),
        'kernels': (3, 5),
        'expansions': (2, 4),
        'weights': (4, 8),
        'lr': (1e-3, 2e-2),
      },
      'data': {
        'name': 'mnist',
        'path': None,
        'seed': 0,
        'limit': limit,
        'verify': True,
      },
      'quant': {'activations': 8, 'patterns': {'stem/*': 8, 'classifier': 8}},
      'optim': {
        'name': 'adamw',
        'warmup': 0.1,
        'schedule': 'cosine',
        'weight_decay': 1e-2,
        'clip': 1.0,
      },
      'train': {
        'epochs': epochs,
        'batch_size': 128,
        'seed': 0,
        'label_smoothing': 0.1,
        'init': None,
        'ema': 0.0,
        'dtype': 'float32',
        'augment': ('crop',),
        'crop_padding': 2,
        'eval_every': 0,
        'checkpoint_every': 0,
      },
      'footprint': {'targets': ('tpu_v5e', 'cpu'), 'batch': 1, 'compile': ()},
      'search': {
        'engine': 'inline' if variant == 'smoke' else 'ray',
        'trials': trials,
        'concurrency': 2,
        'sampler': 'nsga2',
        'sampler_args': {},
        'scheduler': 'none',
        'scheduler_args': {},
        'seed': 0,
        'objectives': ('accuracy', 'latency_ms@tpu_v5e'),
        'constraints': {'size_bytes': 200_000},
        'asynchronous': False,
        'max_draws': 100,
      },
    }
  )
