r"""CIFAR-10, shrunk or grown from MobileNetV2, step by step: for a GPU.

  effnas guide shrink --config=configs/guide_cifar10.py \
    --workdir=runs/guide_cifar10 --keep_quality=0.5

starts from MobileNetV2 at its published width and tries, after narrower ones,
other depths, kernels, expansions and squeeze-and-excitation. To grow from the
narrowest network instead:

  effnas guide grow --config=configs/guide_cifar10.py:narrow \
    --workdir=runs/guide_cifar10_grow --budget.size_bytes=400000

Both need the official binary archive or its folder `cifar-10-batches-bin` (it
is downloaded where there is a network; else `--config.data.path=FOLDER`).
"""

import ml_collections

from effnas import errors

# Where it starts; widths; epochs of a training and of a step of compression;
# trials of a search; training examples.
_WIDTHS = (0.35, 0.5, 0.75, 1.0)
_VARIANTS = {
  '': ('mobilenet_v2', _WIDTHS, 60, 15, 24, None),
  'narrow': ('mobilenet_v2_035', _WIDTHS, 60, 15, 24, None),
  'smoke': ('mobilenet_v2_035', (0.1, 0.35), 1, 1, 2, 256),
}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; variants 'narrow' and 'smoke' (minutes on CPU)."""
  if variant not in _VARIANTS:
    raise errors.unknown('variant', variant, _VARIANTS)
  start, widths, epochs, further, trials, limit = _VARIANTS[variant]
  return ml_collections.ConfigDict(
    {
      'space': 'mobilenet_v2',
      'space_args': {'classes': 10, 'stem_stride': 1, 'width': widths},
      'data': {
        'name': 'cifar10',
        'path': None,
        'seed': 0,
        'limit': limit,
        'verify': True,
      },
      'quant': {'weights': 32, 'activations': 32},
      'optim': {
        'name': 'adamw',
        # The baseline takes the middle of a range, and the first of several.
        'lr': {'loguniform': (1e-3, 9e-3)},
        'warmup': 0.1,
        'schedule': 'cosine',
        'weight_decay': 2e-2,
        'clip': 1.0,
      },
      'train': {
        'epochs': epochs,
        'batch_size': 128,
        'seed': 0,
        'label_smoothing': {'oneof': (0.0, 0.1)},
        'init': None,
        'ema': 0.0,
        'dtype': 'float32',
        'augment': {
          'oneof': (
            ('flip', 'crop'),
            ('flip', 'crop', 'erasing'),
            ('flip', 'crop', 'trivialaugment'),
          )
        },
        'crop_padding': 4,
        'eval_every': 0,
        'checkpoint_every': 5,
      },
      'compress': {
        # The guide takes one at a time, a search all of them.
        'order': ('prune', 'quantize'),
        'prune': {'sparsity': {'oneof': (0.5, 0.75)}, 'epochs': further},
        'quantize': {'weights': {'oneof': (8, 4)}, 'epochs': further},
      },
      'footprint': {'targets': ('a100', 'cpu'), 'batch': 1, 'compile': ()},
      'search': {
        'engine': 'inline' if variant == 'smoke' else 'ray',
        'trials': trials,
        'start_with': (start,),
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
