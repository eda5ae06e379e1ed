"""ImageNet: published networks, trained in float from scratch.

  effnas train --config=configs/imagenet.py:mobilenet_v3_large \
    --config.data.path=IMAGENET --workdir=runs/mobilenet_v3_large

needs ImageNet unpacked to IMAGENET/train/CLASS and IMAGENET/val/CLASS, the
extra 'imagenet' (pip install 'effnas[imagenet]') and a GPU of 80 GB; the
training goes on where it was cut off. A validation part of 10,000 images is
held out from 'train', and 'val' is the test part. Variants, with the top-1
accuracy on 'val' that the paper gives for the network:

  mobilenet_v3_large  75.2 %  Howard et al., 2019, arxiv.org/abs/1905.02244
  efficientnet_b0     77.1 %  Tan and Le, 2019, arxiv.org/abs/1905.11946
  deit_tiny           72.2 %  Touvron et al., 2021, arxiv.org/abs/2012.12877

None has been run at full scale yet: the accuracies are the papers' own, and
what differs from their trainings is expected to cost some of it:

- all: batches of 1,024 on one device, the learning rate in proportion to the
  papers' (4,096 for the first two, 1,024 for DeiT); bfloat16; weight decay of
  kernels only; images cut and mirrored at random and nothing else.
- mobilenet_v3_large: the paper's rate falls by 0.01 every 3 epochs and here by
  a cosine; it tells neither epochs, warm-up nor RMSProp's epsilon, which are
  EfficientNet's here.
- efficientnet_b0: the paper's rate falls by 0.97 every 2.4 epochs and here by a
  cosine; no AutoAugment, no stochastic depth.
- both: batch statistics average by the networks' 0.9 a step, not 0.99.
- deit_tiny: no RandAugment, Mixup, CutMix, random erasing, repeated
  augmentation, which matter most of all to it; the rate falls to 0, not 1e-5.

NAME_smoke trains a network for minutes, on images of 64 x 64 in 10 classes in
the same layout, for example those of Imagenette; 'smoke' is
mobilenet_v3_large_smoke:

  effnas train --config=configs/imagenet.py:deit_tiny_smoke \
    --config.data.path=IMAGENETTE --workdir=runs/smoke
"""

import ml_collections

from effnas import errors

# Arguments of the network, epochs, optimiser, settings of the training.
_RMSPROP = {
  'name': 'rmsprop',
  'momentum': 0.9,
  'b2': 0.9,
  'eps': 1e-3,
  'weight_decay': 1e-5,
}
_ADAMW = {'name': 'adamw', 'lr': 1e-3, 'weight_decay': 0.05}
_RECIPES = {
  'mobilenet_v3_large': (
    {'epsilon': 1e-3},
    350,
    {**_RMSPROP, 'lr': 0.1 * 1024 / 4096},
    {'ema': 0.9999},
  ),
  'efficientnet_b0': (
    {'epsilon': 1e-3},
    350,
    {**_RMSPROP, 'lr': 0.256 * 1024 / 4096},
    {'ema': 0.9999, 'label_smoothing': 0.1},
  ),
  'deit_tiny': ({'drop_path': 0.1}, 300, _ADAMW, {'label_smoothing': 0.1}),
}
_WARMUP_EPOCHS = 5
_SMOKE = '_smoke'
_DEFAULT = 'mobilenet_v3_large'


def get_config(variant: str = _DEFAULT) -> ml_collections.ConfigDict:
  """Returns the config of a network, or of its NAME_smoke."""
  if variant == 'smoke':
    variant = _DEFAULT + _SMOKE
  name, smoke = variant.removesuffix(_SMOKE), variant.endswith(_SMOKE)
  if name not in _RECIPES:
    variants = [f'{n}{end}' for n in _RECIPES for end in ('', _SMOKE)]
    raise errors.unknown('variant', variant, variants)
  arguments, epochs, optim, train = _RECIPES[name]
  epochs = 1 if smoke else epochs
  return ml_collections.ConfigDict(
    {
      'space': 'published',
      'space_args': {
        'name': name,
        'classes': 10 if smoke else 1000,
        **arguments,
      },
      'data': {
        'name': 'imagenet',
        'path': None,
        'seed': 0,
        'valid': 0.1 if smoke else 10_000,
        'limit': None,
        'size': 64 if smoke else 224,
        'share': 0.875,
        'scale': (0.08, 1.0),
        'resampling': 'bicubic',
        'workers': 0,
      },
      'quant': {'weights': 32, 'activations': 32},
      'optim': {
        'warmup': 0.0 if smoke else _WARMUP_EPOCHS / epochs,
        'schedule': 'cosine',
        **optim,
      },
      'train': {
        'epochs': epochs,
        'batch_size': 16 if smoke else 1024,
        'seed': 0,
        'label_smoothing': 0.0,
        'init': None,
        'ema': 0.0,
        'dtype': 'float32' if smoke else 'bfloat16',
        # The data set cuts and mirrors already.
        'augment': (),
        'crop_padding': 0,
        'eval_every': 0 if smoke else 10,
        'checkpoint_every': 1,
        **train,
      },
      'footprint': {'targets': ('tpu_v5e', 'a100'), 'batch': 1, 'compile': ()},
      'search': {
        'engine': 'inline',
        'trials': 1,
        'concurrency': 1,
        'sampler': 'random',
        'sampler_args': {},
        'scheduler': 'none',
        'scheduler_args': {},
        'seed': 0,
        'objectives': ('accuracy',),
        'constraints': {},
        'asynchronous': False,
        'max_draws': 100,
      },
    }
  )
