"""CIFAR-10: joint search of architecture, bits and learning rate.

  effnas search --config=configs/cifar10.py --workdir=runs/cifar10

needs the official binary archive or its folder `cifar-10-batches-bin` (it is
downloaded where there is a network; else `--config.data.path=FOLDER`).

As it stands, 64 trials of 30 epochs, it is meant for a GPU. A small budget for
two CPU cores is the variant `small` (README: command, cost, result).
"""

import ml_collections

from effnas import errors

# epochs, trials, training examples, widths of the stages
_BUDGETS = {
  '': (30, 64, None, (16, 32, 64, 128)),
  'small': (4, 4, 10_000, (8, 16, 32)),
  'smoke': (1, 1, 256, (8, 16)),
}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; variants 'small' and 'smoke' (minutes on CPU)."""
  if variant not in _BUDGETS:
    raise errors.unknown('variant', variant, _BUDGETS)
  epochs, trials, limit, widths = _BUDGETS[variant]
  return ml_collections.ConfigDict(
    {
      'space': 'hybrid',
      'space_args': {
        'input_shape': (32, 32, 3),
        'classes': 10,
        'widths': widths,
        'depths': (1, 2, 3) if not variant else (1, 2),
        'kernels': (3, 5),
        'expansions': (2, 4, 6) if not variant else (2, 4),
        'weights': (4, 8),
        'lr': (1e-3, 2e-2),
      },
      'data': {
        'name': 'cifar10',
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
        'weight_decay': 2e-2,
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
        'augment': ('flip', 'crop'),
        'crop_padding': 4,
        'eval_every': 0,
        'checkpoint_every': 5 if not variant else 0,
      },
      'footprint': {'targets': ('tpu_v5e', 'a100'), 'batch': 1, 'compile': ()},
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
        'constraints': {'size_bytes': 2_000_000},
        'asynchronous': False,
        'max_draws': 100,
      },
    }
  )
