"""Kernels become integers: after the training, or trained for it."""

import dataclasses
from typing import Any

from flax import traverse_util

from effnas import errors, quant
from effnas.compress import structured
from effnas.compress.lowrank import grown
from effnas.nn import rewrite
from effnas.quant import folding
from effnas.recipe import network as network_lib
from effnas.recipe import step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quantize(step.Step):
  """Quantizes by rules: post-training without epochs, aware of it with some.

  Attributes:
    weights: As `effnas.quant.rules` takes it, and so are the next six.
    activations: Likewise.
    patterns: Likewise.
    scales: Likewise; clusters stay clusters under 'tensor' alone.
    zero_point: Likewise.
    ranges: Likewise; 'static' is calibrated.
    learned: Likewise; first steps are calibrated.
    calibration: How ranges are found, see `effnas.quant.calibrate`.
    examples: Of the training split that are calibrated on.
    fold: Whether batch normalisations are folded before: None folds them where
      nothing is trained and no kernel is clustered.

  Reference:
    Jacob et al., 2018, https://arxiv.org/abs/1712.05877; Nagel et al., 2021,
    https://arxiv.org/abs/2106.08295
  """

  weights: Any = 8
  activations: Any = 8
  patterns: Any = ()
  scales: Any = 'channel'
  zero_point: str = 'none'
  ranges: str = 'dynamic'
  learned: bool = False
  calibration: str = 'min_max'
  examples: int = 512
  fold: bool | None = None
  refuses = {
    'quantize': 'the network is quantized already',
    'encode': 'the file is coded by then; quantize before',
  }

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    self._rules()
    if self.fold and self.epochs:
      raise errors.UserError(
        'normalisations are folded where nothing is trained: fold=True wants '
        f'epochs=0; got {self.epochs}'
      )

  def plan(self, network, input_shape, dtype):
    """See `Step`."""
    self._check(network)
    if self._folds(network):
      network = self._folded(network, input_shape, dtype)
    network = self._ruled(network, input_shape, dtype)
    # What calibration adds.
    bare, ruled = (
      network_lib.flat(rewrite.abstract_variables(net, input_shape, dtype))
      for net in (rewrite.Rewritten(network.net.model), network.net)
    )
    added = {
      tuple(path.split('/')): leaf
      for path, leaf in ruled.items()
      if path not in bare
    }
    flat = traverse_util.flatten_dict(dict(network.variables))
    return network.replace(
      variables=traverse_util.unflatten_dict({**flat, **added})
    )

  def run(self, network, context):
    """See `Step`."""
    self._check(network)
    if self._folds(network):
      network = self._folded(network, *context.inputs)
    network = self._ruled(network, *context.inputs)
    if self.ranges == 'static' or self.learned:
      variables = quant.calibrate(
        network.net,
        network.variables,
        context.batches(self.examples),
        self.calibration,
      )
      network = network.replace(variables=variables)
    if self.epochs:
      fitted = context.fit(self.name, network, epochs=self.epochs, lr=self.lr)
      network = network.replace(variables=fitted.variables)
    return network

  def _rules(self) -> tuple[rewrite.Rule, ...]:
    return quant.rules(
      self.weights,
      self.activations,
      {
        # `steps.make` froze mappings as pairs.
        key: dict(value) if isinstance(value, tuple) else value
        for key, value in dict(self.patterns).items()
      },
      scales=self.scales,
      zero_point=self.zero_point,
      ranges=self.ranges,
      learned=self.learned,
    )

  def _check(self, network: network_lib.Network) -> None:
    nonzero = self.weights in (1, 'binary')
    if network.masks and (nonzero or self.zero_point in ('weights', 'both')):
      raise errors.UserError(
        'pruned weights stay zero under symmetric codes of 2 bits or more; got '
        f'weights={self.weights!r}, zero_point={self.zero_point!r}'
      )
    if network.tied and self.scales != 'tensor':
      raise errors.UserError(
        "clusters stay clusters under one scale a kernel: set scales='tensor'; "
        f'got {self.scales!r}'
      )

  def _folds(self, network: network_lib.Network) -> bool:
    if self.fold is None:
      return not self.epochs and not network.tied
    return self.fold

  def _folded(self, network, input_shape, dtype):
    """The network without the batch normalisations that can be folded."""
    found = {}

    def fold(variables):
      found['it'] = folding.fold(network.net, variables, input_shape, dtype)
      return found['it'].variables

    variables = network.mapped(fold)
    return network.replace(net=found['it'].net, variables=variables)

  def _ruled(self, network, input_shape, dtype):
    """The network under quantization rules; clusters have books of their own.

    Scales differ from kernel to kernel, and so do the codes.
    """
    model = network.net.model
    left: tuple[str, ...] = ()
    inner = model.base if isinstance(model, structured.Narrowed) else model
    if isinstance(inner, grown.Grown):
      left = grown.paths(inner.inner, inner.rules, input_shape, dtype)
    # The rules so far keep it in float.
    others = tuple(
      r for r in network.net.rules if not isinstance(r, quant.Quantize)
    )
    return network.replace(
      net=rewrite.Rewritten(
        model, (*others, *network_lib.apart(self._rules(), left))
      ),
      tied={
        path: dataclasses.replace(one, book=path)
        for path, one in network.tied.items()
      },
    )
