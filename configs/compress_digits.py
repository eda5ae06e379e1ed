"""Digits, compressed: a float network, pruned, clustered and quantized.

  effnas compress --config=configs/compress_digits.py --workdir=runs/compressed

trains the survey's CNN and prints a row for each step (README: a run's result).
The variant `search` lets a search choose the architecture and how it is
compressed together:

  effnas search --config=configs/compress_digits.py:search --workdir=runs/both
"""

import ml_collections

from effnas import errors

_VARIANTS = ('', 'search', 'smoke')


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; variants 'search' and 'smoke' (a minute)."""
  if variant not in _VARIANTS:
    raise errors.unknown('variant', variant, _VARIANTS)
  smoke, search = variant == 'smoke', variant == 'search'
  order: tuple[str, ...] = ('remove', 'prune', 'cluster', 'quantize', 'encode')
  if search:
    order = ('prune', 'quantize')
  elif smoke:  # What the variant's own command, a search, can plan.
    order = order[:-1]
  return ml_collections.ConfigDict(
    {
      'space': 'survey_cnn' if search else 'published',
      'space_args': {} if search else {'name': 'survey_cnn_025'},
      'data': {'name': 'digits', 'seed': 0},
      'quant': {'weights': 32, 'activations': 32},
      'optim': {
        'name': 'adamw',
        'lr': 3e-3,
        'warmup': 0.1,
        'schedule': 'cosine',
        'weight_decay': 1e-2,
        'clip': 1.0,
      },
      'train': {
        'epochs': 1 if smoke else 20,
        'batch_size': 64,
        'seed': 0,
        'label_smoothing': 0.0,
        'init': None,
        'ema': 0.0,
        'dtype': 'float32',
        'augment': ('crop',),
        'crop_padding': 1,
        'eval_every': 0,
        'checkpoint_every': 0,
      },
      # A choice in a config is a mapping from its kind to its arguments.
      'compress': {
        'order': order,
        'remove': {'sparsity': 0.25, 'epochs': 1 if smoke else 5},
        'prune': {
          'sparsity': {'oneof': (0.0, 0.5, 0.75)} if search else 0.75,
          'epochs': 1 if smoke else 5,
        },
        'cluster': {'clusters': 16, 'epochs': 1 if smoke else 3, 'lr': 3e-4},
        'quantize': {
          'weights': {'oneof': (4, 8)} if search else 8,
          'scales': 'channel' if search else 'tensor',
        },
        'encode': {},
      },
      'footprint': {'targets': ('tpu_v5e', 'cpu'), 'batch': 1, 'compile': ()},
      'search': {
        'engine': 'inline' if smoke else 'ray',
        'trials': 1 if smoke else 12,
        'concurrency': 2,
        'sampler': 'nsga2',
        'sampler_args': {'population': 6},
        'scheduler': 'none',
        'scheduler_args': {},
        'seed': 0,
        'objectives': ('accuracy', 'size_bytes'),
        'constraints': {'size_bytes': 200_000},
        'asynchronous': False,
        'max_draws': 100,
      },
    }
  )
