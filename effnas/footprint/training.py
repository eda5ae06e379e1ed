"""What training a network costs, from its shapes alone.

Each figure and its formula, for one accelerator's `batch` in data-parallel
training:

- `train_step_memory`, bytes: parameters and statistics as they are kept
  (float32), `optimizer_slots` times the parameters, their copy in a narrower
  float format, and the most that is alive at once of inputs, activations and
  gradients while the gradient of the loss is computed (liveness over its
  jaxpr). Gradients of the whole network are alive together at its end. A
  compiler that computes cheap operations twice holds less, one that stores or
  orders otherwise holds more: XLA's figure was 0.73 times this one for
  MobileNetV2 and 0.98 for ResNet-18 on TPU v5e, 1.10 for DeiT-Ti and 1.24 for
  nanoGPT on CPU.
- `train_step_macs`: MACs of that jaxpr, all examples of the batch.
- `train_step_macs_3x`: the usual rule, three times the forward pass. The exact
  number is less by what the first layer would spend on the gradient of the
  images, and more by what is computed twice under rematerialisation.
- `train_step_ms@T`: the latency of that jaxpr's work on T. The optimiser and
  the exchange of gradients between accelerators are left out.
- `train_macs`: train_step_macs x steps x accelerators, where
  steps = epochs x ceil(examples / (batch x accelerators)).
- `accelerator_hours@T`: train_step_ms@T x steps x accelerators / 3.6e6.
- `kg_co2e@T`: accelerator_hours@T x power_watts / 1000 x pue x grid / 1000,
  with the grid's intensity in g CO2e per kWh. Power usage effectiveness (PUE)
  is the whole energy of a data centre over that of its computers.

Reference:
  Strubell, Ganesh and McCallum, 2019, Energy and Policy Considerations for Deep
  Learning in NLP, https://arxiv.org/abs/1906.02243 (power x hours x PUE x
  intensity; PUE 1.58).
  Patterson et al., 2021, Carbon Emissions and Large Neural Network Training,
  https://arxiv.org/abs/2104.10350 (hours x processors x power x PUE).
"""

from collections.abc import Iterable, Sequence
import math
from typing import Any

from flax import linen

from effnas import errors
from effnas.footprint import inputs, utilisation
from effnas.footprint import step as step_lib
from effnas.footprint.latency import device, roofline


def training(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  batch: int,
  examples: int | None = None,
  epochs: float | None = None,
  optimizer_slots: int = 2,
  accelerators: int = 1,
  input_dtype: Any = 'float32',
  float_format: str = 'float32',
  rematerialise: bool = False,
  targets: Iterable[str] = (),
  latency: utilisation.Latency = roofline.latency,
  power_watts: float | None = None,
  pue: float | None = None,
  grid: float | None = None,
) -> dict[str, float]:
  """Returns what a step and the whole training of a network cost.

  The gradient of the loss is traced in training mode, once for equal networks
  and shapes; nothing is allocated or run. This file's docstring has the
  formulas.

  Args:
    net: A Linen module; called with `train=True` where it takes that.
    input_shape: Shape of one example, without the batch.
    batch: Examples a step, on each accelerator.
    examples: Examples of the training set; with `epochs`, for the totals.
    epochs: How often the training set is seen.
    optimizer_slots: Arrays of the parameters' size that the optimiser keeps:
      0 for gradient descent, 1 with momentum, 2 for Adam. A moving average of
      the weights is one more.
    accelerators: Accelerators that train together, each on its own batch.
    input_dtype: dtype of the input, 'int32' for tokens.
    float_format: Type of the arithmetic: 'float32', 'bfloat16' or 'float16'.
    rematerialise: Whether the forward pass is cut into segments that are
      computed again for the backward pass, see `remat.segments`. What a
      network has of `linen.remat` counts without it.
    targets: Names of devices to give times for.
    latency: From the work of a step and a device to milliseconds;
      `utilisation.at(0.4)` is another than the roofline. Both compute in
      the device's own float format.
    power_watts: Average power of one accelerator; by default what its maker
      publishes as its greatest, where that is known.
    pue: Of the data centre. 1.58 was the world's average in 2018 (Strubell et
      al., 2019), 1.10 that of Google's in 2020 (Patterson et al., 2021).
    grid: Intensity of its electricity, g CO2e / kWh; 429 was that of the United
      States in 2020 (Patterson et al., 2021).

  Returns:
    By metric, as far as the arguments tell.

  Raises:
    UserError: A number that is not positive, an unknown target or format, or a
      CO2e without power or PUE.

  Example:
    >>> values = training(linen.Dense(10), (64,), batch=32)
    >>> values['train_step_macs'] == 2 * 32 * 640  # the first layer: 2, not 3
    True
    >>> values['train_step_memory']  # 3 x 650 floats; images, logits, gradients
    19876
  """
  _check(
    optimizer_slots, accelerators, examples, epochs, pue, grid, power_watts
  )
  if float_format not in step_lib.FLOATS:
    raise errors.unknown('float format', float_format, step_lib.FLOATS)
  devices = [device.load(t) for t in targets]
  step = step_lib.step(
    net,
    inputs.shape(input_shape, batch),
    input_dtype,
    float_format,
    rematerialise,
  )
  slots = optimizer_slots * step.params_bytes
  values: dict[str, float] = {
    'train_step_memory': step.kept_bytes + slots + step.peak_bytes,
    'train_step_macs': step.macs,
    'train_step_macs_3x': 3 * step.forward_macs,
  }
  steps = None
  if examples is not None and epochs is not None:
    steps = epochs * math.ceil(examples / (batch * accelerators))
    values['train_macs'] = step.macs * steps * accelerators
  for d in devices:
    ms = latency(step.work, d)
    values[f'train_step_ms@{d.name}'] = ms
    if steps is not None:
      hours = ms * steps * accelerators / 3.6e6
      values[f'accelerator_hours@{d.name}'] = hours
      if grid is not None and pue is not None:
        watts = _watts(d.name) if power_watts is None else power_watts
        kwh = hours * watts / 1000 * pue
        values[f'kg_co2e@{d.name}'] = kwh * grid / 1000
  return values


def _watts(target: str) -> float:
  """The greatest power of a device, as its maker published it."""
  data = device.read(target)
  if 'power_watts' not in data:
    raise errors.UserError(
      f'kg CO2e needs power_watts: none is published for {target}'
    )
  share = data.get('devices_per_chip', {'value': 1})['value']
  return data['power_watts']['value'] / share


def _check(slots, accelerators, examples, epochs, pue, grid, power) -> None:
  for name, value in (
    ('accelerators', accelerators),
    ('examples', examples),
    ('epochs', epochs),
    ('power_watts', power),
  ):
    if value is not None and not value > 0:
      raise errors.UserError(f'{name} must be positive; got {value}')
  if slots < 0:
    raise errors.UserError(f'optimizer_slots must not be negative; got {slots}')
  if (examples is None) != (epochs is None):
    raise errors.UserError(
      'the whole training is known by examples and epochs together; '
      f'got examples {examples} and epochs {epochs}'
    )
  if grid is not None and grid < 0:
    raise errors.UserError(f'grid is g CO2e / kWh, not negative; got {grid}')
  if grid is not None and (pue is None or pue < 1):
    raise errors.UserError(
      'kg CO2e needs the PUE of the data centre, at least 1 (1.58 was the '
      f"world's average in 2018); got {pue}"
    )
