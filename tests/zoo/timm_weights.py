"""Randomly initialised timm networks beside ours with the same weights."""

import jax
import numpy as np
import pytest

from effnas import zoo


def _made(module, function, *arguments):
  """Makes what timm's code can but has no name for."""

  def make(timm):
    return getattr(getattr(timm.models, module), function)(*arguments)

  return make


# Ours -> (timm's, side of the images). DeiT has a position for each patch.
PAIRS = {
  **{
    ours: (theirs, 64)
    for ours, theirs in {
      'mobilenet_v1': 'mobilenetv1_100',
      **{
        f'mobilenet_v1_{w:03}': _made(
          'efficientnet', '_gen_mobilenet_v1', 'mobilenetv1_100', w / 100
        )
        for w in (75, 50, 25)
      },
      'mobilenet_v2': 'mobilenetv2_100',
      **{f'mobilenet_v2_{w}': f'mobilenetv2_{w}' for w in ('035', '050')},
      **{f'mobilenet_v2_{w}': f'mobilenetv2_{w}' for w in ('075', '140')},
      'mobilenet_v2_130': _made(
        'efficientnet', '_gen_mobilenet_v2', 'mobilenetv2_140', 1.3
      ),
      **{
        f'mobilenet_v3_{size}{ours}': f'mobilenetv3_{size}_{theirs}'
        for size in ('large', 'small')
        for ours, theirs in (('', '100'), ('_075', '075'))
      },
      **{
        f'mobilenet_v3_{size}_minimalistic': _made(
          'mobilenetv3',
          '_gen_mobilenet_v3',
          f'tf_mobilenetv3_{size}_minimal_100',
          1.0,
        )
        for size in ('large', 'small')
      },
      'mnasnet_a1': 'semnasnet_100',
      'mnasnet_b1': 'mnasnet_100',
      'mnasnet_small': 'mnasnet_small',
      **{n: n for n in (f'efficientnet_lite{i}' for i in range(5))},
      'efficientnet_v2_s': 'efficientnetv2_s',
      'efficientnet_v2_m': 'efficientnetv2_m',
      **{
        n: n
        for size in ('atto', 'femto', 'pico', 'nano', 'tiny', 'small', 'base')
        for n in (f'convnext_{size}',)
      },
      **{n: n for n in ('mobilevit_xxs', 'mobilevit_xs', 'mobilevit_s')},
      **{f'resnet_{n}': f'resnet{n}' for n in (18, 34, 50, 101)},
      'regnet_x_200mf': 'regnetx_002',
      'regnet_y_200mf': 'regnety_002',
      'regnet_y_400mf': 'regnety_004',
      'fbnetc_100': 'fbnetc_100',
    }.items()
  },
  **{n: (n, 64) for n in (f'efficientnet_b{i}' for i in range(8))},
  **{
    f'deit_{size}': (f'deit_{size}_patch16_224', 224)
    for size in ('tiny', 'small', 'base')
  },
}


def make(name, x):
  """Returns a timm network in evaluation mode, all of it random.

  Batch statistics are those of some images, then randomised, so that
  activations keep their size through depth and a difference at any place is
  seen in the logits; scales and other factors that start as constants are
  drawn too.

  Args:
    name: timm's, or a function that makes the network of the module `timm`.
    x: The images [N, C, H, W].
  """
  timm = pytest.importorskip('timm', reason='timm is not installed')
  import torch

  torch.manual_seed(1)
  net = name(timm) if callable(name) else timm.create_model(name)
  norms = [
    module
    for module in net.modules()
    if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
  ]
  with torch.no_grad():
    for norm in norms:
      norm.momentum = 1.0
      norm.weight.uniform_(0.1, 0.4)
      norm.bias.normal_(0, 0.1)
    for path, parameter in net.named_parameters():
      if path.endswith(('gamma', 'layer_scale', 'cls_token', 'pos_embed')):
        parameter.normal_(0, 0.5)
    net.eval()
    for norm in norms:
      norm.train()
    net(torch.from_numpy(x))
    for norm in norms:
      # A channel that hardly varies would blow up what is only rounding.
      norm.running_var.clamp_(min=float(norm.running_var.mean()) / 2)
      deviation = norm.running_var.sqrt()
      norm.running_mean += 0.03 * deviation * torch.randn_like(deviation)
      norm.running_var *= torch.empty_like(deviation).uniform_(0.95, 1.05)
  return net.eval()


def difference(name, theirs, side, **arguments):
  """Compares the logits of four random images.

  Args:
    name: Of our network.
    theirs: Of timm's, see `make`.
    side: Of the images.
    **arguments: For `build` of our network.

  Returns:
    The largest difference to PyTorch's, and between two of the images.
  """
  torch = pytest.importorskip('torch', reason='torch is not installed')
  network = zoo.load(name)
  shape = (4, 3, side, side)
  x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
  net = make(theirs, x)
  with torch.no_grad():
    expected = net(torch.from_numpy(x)).numpy()
  state = {k: v.numpy() for k, v in net.state_dict().items()}
  variables = zoo.load_torch(network, state, **arguments)
  found = jax.jit(network.build(**arguments).apply)(
    variables, x.transpose(0, 2, 3, 1)
  )
  return np.abs(found - expected).max(), np.abs(expected[0] - expected[1]).max()
