"""Randomly initialised timm networks beside ours with the same weights."""

import jax
import numpy as np
import pytest

from effnas import zoo


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

  torch.manual_seed(0)
  net = name(timm) if callable(name) else timm.create_model(name)
  norms = [
    module
    for module in net.modules()
    if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
  ]
  with torch.no_grad():
    for norm in norms:
      norm.momentum = 1.0
      norm.weight.uniform_(0.3, 0.7)
      norm.bias.normal_(0, 0.1)
    for path, parameter in net.named_parameters():
      if path.endswith(('gamma', 'cls_token', 'pos_embed')):
        parameter.normal_(0, 0.5)
    net.train()(torch.from_numpy(x))
    for norm in norms:
      norm.running_mean += 0.03 * torch.randn_like(norm.running_mean)
      norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.9, 1.1)
  return net.eval()


def difference(name, theirs, side):
  """Compares the logits of four random images.

  Args:
    name: Of our network.
    theirs: Of timm's, see `make`.
    side: Of the images.

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
  variables = zoo.load_torch(network, state)
  found = jax.jit(network.build().apply)(variables, x.transpose(0, 2, 3, 1))
  return np.abs(found - expected).max(), np.abs(expected[0] - expected[1]).max()
