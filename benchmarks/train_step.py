"""A train step of MobileNetV2 on CPU: ours against PyTorch, in one run.

python benchmarks/train_step.py

MobileNetV2 with a stride of 1 in the stem, 32x32 images, batch 64, float32,
SGD with momentum. Ours runs as effnas trains: steps in one compiled epoch.
PyTorch, where it is installed, runs the same network eagerly in both memory
layouts. Then each is profiled for a breakdown by class of operation. Takes
about two minutes on two cores.
"""

import collections
import glob
import re
import tempfile

import jax
import numpy as np
import timing

from effnas.train import epoch, optim
from effnas.train import state as state_lib
from effnas.zoo import mobilenet_v2

try:
  import torch
except ImportError:
  torch = None

_STEPS, _BATCH = 8, 64
_CLASSES = (
  'depthwise convolution',
  '1x1 convolution, dense',
  '3x3 convolution',
  'normalisation',
  'activation',
  'optimiser, loss, other',
)
_DEPTHWISE, _POINTWISE, _FULL, _NORM, _ACTIVATION, _OTHER = _CLASSES


def _prepare(x):
  return x


class Ours:
  """The compiled epoch."""

  def __init__(self):
    net = mobilenet_v2.mobilenet_v2(classes=10, stem_stride=1, dropout=0.0)
    tx = optim.make(1000, name='sgd', lr=0.01, schedule='constant')
    rng = np.random.default_rng(0)
    self.x = jax.numpy.asarray(
      rng.normal(size=(_STEPS * _BATCH, 32, 32, 3)), 'float32'
    )
    self.y = jax.numpy.asarray(rng.integers(10, size=len(self.x)))
    self.state = state_lib.create(net, tx, _prepare, self.x[:1])
    plan = epoch.Plan(
      net=net,
      update=tx.update,
      prepare=_prepare,
      augment=(),
      crop_padding=0,
      batch_size=_BATCH,
      dtype='float32',
      objective=None,
    )
    self.program = epoch.compiled(plan).lower(*self._arguments()).compile()

  def _arguments(self):
    numbers = {'label_smoothing': 0.0, 'ema': 0.0}
    return self.state, self.x, self.y, jax.random.key(1), numbers

  def __call__(self):
    """Runs the epoch and waits for it."""
    self.state, _ = self.program(*self._arguments())
    jax.block_until_ready(self.state)

  def breakdown(self):
    """Returns class -> share of the time that operations took."""
    text = self.program.as_text()
    named = dict(
      re.findall(r'%?([\w.\-]+) = .*?op_name="([^"]*)"', text, re.MULTILINE)
    )
    loops = set(re.findall(r'%?([\w.\-]+) = [^\n]* while\(', text))
    with tempfile.TemporaryDirectory() as folder:
      with jax.profiler.trace(folder):
        self()
      (path,) = glob.glob(f'{folder}/**/*.xplane.pb', recursive=True)
      data = jax.profiler.ProfileData.from_file(path)
    times = collections.Counter()
    for plane in data.planes:
      for line in plane.lines:
        for event in line.events:
          name = dict(event.stats).get('hlo_op')
          if name and name not in loops:  # a loop's time is its body's
            times[_class_of(named.get(name, ''))] += event.duration_ns
    return _shares(times)


def _class_of(scope):
  if 'depthwise/conv' in scope:
    return _DEPTHWISE
  if 'stem/conv' in scope:
    return _FULL
  if re.search(r'(expand|project|head)/conv|classifier', scope):
    return _POINTWISE
  if '/norm/' in scope:
    return _NORM
  if re.search(r'relu6|select_n|clamp', scope):
    return _ACTIVATION
  return _OTHER


def _shares(times):
  total = sum(times.values())
  return {name: times[name] / total for name in _CLASSES}


class Torch:
  """The same network and optimiser in PyTorch.

  Attributes:
    layout: 'channels_last' or 'contiguous_format'.
  """

  def __init__(self, layout):
    torch.manual_seed(0)
    layout = getattr(torch, layout)
    self.net = _torch_network().to(memory_format=layout).train()
    self.x = torch.randn(_STEPS, _BATCH, 3, 32, 32)
    self.x = [x.to(memory_format=layout) for x in self.x]
    self.y = torch.randint(10, (_STEPS, _BATCH))
    self.optimiser = torch.optim.SGD(self.net.parameters(), 0.01, 0.9)

  def __call__(self):
    """Takes as many steps as an epoch of ours has."""
    for x, y in zip(self.x, self.y, strict=True):
      self.optimiser.zero_grad()
      torch.nn.functional.cross_entropy(self.net(x), y).backward()
      self.optimiser.step()

  def breakdown(self):
    """Returns class -> share of the time that operations took."""
    with torch.profiler.profile(record_shapes=True) as profiler:
      self()
    times = collections.Counter()
    for event in profiler.key_averages(group_by_input_shape=True):
      kind = _torch_class(event.key, event.input_shapes)
      times[kind] += event.self_cpu_time_total
    return _shares(times)


def _torch_class(operation, shapes):
  if 'conv' in operation:
    kernels = [s for s in shapes if len(s) == 4 and s[2] == s[3] and s[2] < 4]
    if any(s[2] == 3 and s[1] == 1 for s in kernels):
      return _DEPTHWISE
    return _FULL if any(s[2] == 3 for s in kernels) else _POINTWISE
  if 'batch_norm' in operation:
    return _NORM
  if 'hardtanh' in operation or 'relu' in operation:
    return _ACTIVATION
  return _POINTWISE if 'addmm' in operation else _OTHER


def _torch_network():
  nn = torch.nn

  def layer(inputs, outputs, kernel, stride=1, groups=1, act=True):
    return [
      nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride,
        kernel // 2,
        groups=groups,
        bias=False,
      ),
      nn.BatchNorm2d(outputs),
      *([nn.ReLU6(inplace=True)] if act else []),
    ]

  class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, expand):
      super().__init__()
      hidden = expand * inputs
      self.body = nn.Sequential(
        *(layer(inputs, hidden, 1) if expand > 1 else []),
        *layer(hidden, hidden, 3, stride, groups=hidden),
        *layer(hidden, outputs, 1, act=False),
      )
      self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x):
      return x + self.body(x) if self.shortcut else self.body(x)

  ours = mobilenet_v2.mobilenet_v2(classes=10, stem_stride=1)
  modules, channels = layer(3, ours.stem, 3), ours.stem
  for stage in ours.stages:
    for i in range(stage.depth):
      stride = stage.stride if i == 0 else 1
      modules.append(
        Block(channels, stage.features, stride, stage.block.expand)
      )
      channels = stage.features
  return nn.Sequential(
    *modules,
    *layer(channels, ours.head, 1),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(ours.head, 10),
  )


def main():
  """Prints the times, their ratios, and the breakdown."""
  ours = Ours()
  runs = {'effnas': ours}
  print(f'jax {jax.__version__} on {jax.devices()[0].device_kind}', end='')
  if torch:
    print(f', torch {torch.__version__}, {torch.get_num_threads()} threads')
    runs['torch, channels last'] = Torch('channels_last')
    runs['torch, NCHW'] = Torch('contiguous_format')
    parameters = sum(p.numel() for p in runs['torch, NCHW'].net.parameters())
    assert parameters == sum(
      p.size for p in jax.tree.leaves(ours.state.params)
    ), 'not the same network'
  else:
    print(', no torch: install it to compare')
  found = timing.medians(runs)
  shares = {name: run.breakdown() for name, run in runs.items()}
  print('\nmilliseconds a step')
  print(f'{"":24}' + ''.join(f'{name:>22}' for name in runs))
  for kind in _CLASSES:
    row = (shares[n][kind] * found[n] / _STEPS for n in runs)
    print(f'{kind:24}' + ''.join(f'{value:22.1f}' for value in row))
  row = (found[n] / _STEPS for n in runs)
  print(f'{"whole step":24}' + ''.join(f'{value:22.1f}' for value in row))
  row = (found['effnas'] / found[n] for n in runs)
  print(f'{"effnas over it":24}' + ''.join(f'{value:22.2f}' for value in row))
  print(
    '\nThe whole step is timed; its classes share it as their operations '
    'share the profile\n(operations of ours that run at once each count whole).'
  )


if __name__ == '__main__':
  main()
