r"""Digits, shrunk: from the survey's CNN to a fraction of it, step by step.

  effnas guide shrink --config=configs/guide_shrink_digits.py \
    --workdir=runs/guide_shrink --keep_quality=0.5

needs no download and takes minutes on two CPU cores. It starts from the network
at half its width, 418 kB and 98.3 % on the test split, and ended at 12.1 kB and
98.1 % (19 networks). What it tries are the choices below; `effnas search` of
the same file searches all of them at once, but for the width.
"""

import ml_collections

from effnas import errors


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; variant 'smoke' takes a minute."""
  if variant not in ('', 'smoke'):
    raise errors.unknown('variant', variant, ['smoke'])
  smoke = variant == 'smoke'
  erasing = {'name': 'erasing', 'high': 0.2}
  return ml_collections.ConfigDict(
    {
      'space': 'published',
      'space_args': {'name': 'survey_cnn_050'},
      'data': {'name': 'digits', 'seed': 0},
      'quant': {'weights': 32, 'activations': 32},
      'optim': {
        'name': 'adamw',
        # The baseline takes the middle of a range, and the first of several.
        'lr': {'loguniform': (1e-3, 9e-3)},
        'warmup': 0.1,
        'schedule': 'cosine',
        'weight_decay': 1e-2,
        'clip': 1.0,
      },
      'train': {
        'epochs': 1 if smoke else 20,
        'batch_size': 64,
        'seed': 0,
        'label_smoothing': {'oneof': (0.0, 0.1)},
        'init': None,
        'ema': 0.0,
        'dtype': 'float32',
        'augment': {'oneof': ((), ('crop',), ('crop', erasing))},
        'crop_padding': 1,
        'eval_every': 0,
        'checkpoint_every': 0,
      },
      'compress': {
        # The guide takes one at a time, a search all of them.
        'order': ('prune', 'quantize'),
        'prune': {
          'sparsity': {'oneof': (0.5, 0.75)},
          'epochs': 1 if smoke else 5,
        },
        'quantize': {
          'weights': {'oneof': (8, 4)},
          'epochs': 1 if smoke else 3,
        },
      },
      'footprint': {'targets': ('cpu',), 'batch': 1, 'compile': ()},
      'search': {
        'engine': 'inline' if smoke else 'ray',
        'trials': 1 if smoke else 6,
        'concurrency': 2,
        'sampler': 'nsga2',
        'sampler_args': {},
        'scheduler': 'none',
        'scheduler_args': {},
        'seed': 0,
        'objectives': ('accuracy', 'size_bytes'),
        'constraints': {},
        'asynchronous': False,
        'max_draws': 100,
      },
    }
  )
