"""The survey's table on CIFAR-10, and the settings it was made with.

Reference:
  Menghani, 2021, Efficient Deep Learning: A Survey on Making Deep Learning
  Models Smaller, Faster, and Better, https://arxiv.org/abs/2106.08962, section
  4, and its companion notebook
"""

from collections.abc import Mapping
import dataclasses

SOURCE = 'https://arxiv.org/abs/2106.08962'
EPOCHS = 100
BATCH = 128
# Width of the network that teaches the others.
TEACHER = 1.4
# Columns of the table: as they are called in it.
COLUMNS = {
  'plain': 'no augmentation',
  'aug': 'augmentation',
  'kd': 'augmentation and distillation',
}


@dataclasses.dataclass(frozen=True)
class Settings:
  """How a network is trained.

  Attributes:
    lr: Learning rate of Adam.
    dropout: Rate before each dense layer.
    l2: Factor of the sum of squares of the kernels in the loss.
    alpha: Weight of the teacher's labels.
  """

  lr: float
  dropout: float
  l2: float
  alpha: float = 0.0


@dataclasses.dataclass(frozen=True)
class Row:
  """What the survey reports of a width; its accuracies are of one seed.

  Attributes:
    parameters: All, with the moments of the normalisations.
    trainable: Those that are trained.
    macs: Multiply-adds of an image.
    kilobytes: Of the TFLite files, float and int8, in units of 1024 bytes.
    float_: Accuracy on the test images in percent, by column.
    int8: Likewise, after quantization.
    settings: By column; the teacher has none of 'kd'.
    translate: Whether images are shifted beside mirrored.
  """

  parameters: int
  trainable: int
  macs: int
  kilobytes: tuple[float, float]
  float_: Mapping[str, float]
  int8: Mapping[str, float]
  settings: Mapping[str, Settings]
  translate: bool


def _row(counts, kilobytes, float_, int8, settings, translate=True):
  def by_column(values):
    return dict(zip(COLUMNS, values, strict=False))

  return Row(
    *counts,
    kilobytes,
    by_column(float_),
    by_column(int8),
    by_column(settings),
    translate,
  )


def _same(settings, distilled):
  """Settings without and with augmentation, and those of distillation."""
  return settings, settings, distilled


_WIDE = Settings(1e-3, 0.15, 1e-6)

ROWS: Mapping[float, Row] = {
  0.05: _row(
    (14_713, 14_549, 10_597_700),
    (65.45, 26.87),
    (70.17, 71.71, 72.89),
    (69.90, 71.72, 72.70),
    _same(Settings(5e-3, 0.0, 0.0), Settings(5e-3, 0.0, 0.0, 2.0)),
    translate=False,
  ),
  0.1: _row(
    (26_044, 25_840, 11_000_622),
    (109.61, 38.55),
    (75.93, 78.22, 78.93),
    (75.98, 78.19, 78.55),
    _same(Settings(5e-3, 0.15, 1e-6), Settings(5e-3, 0.15, 1e-6, 0.5)),
    translate=False,
  ),
  0.25: _row(
    (98_570, 98_250, 13_042_944),
    (392.49, 111.00),
    (80.60, 84.14, 84.51),
    (80.76, 83.98, 84.18),
    _same(Settings(5e-3, 0.15, 1e-6), Settings(5e-3, 0.0, 0.0, 1.0)),
  ),
  0.5: _row(
    (350_058, 349_546, 18_844_160),
    (1374.11, 359.31),
    (83.04, 87.47, 88.03),
    (83.00, 87.32, 87.86),
    _same(Settings(5e-3, 0.15, 1e-6), Settings(1e-3, 0.15, 1e-6, 1.0)),
  ),
  0.75: _row(
    (764_874, 764_170, 27_725_568),
    (2993.71, 767.09),
    (83.79, 89.06, 89.51),
    (83.60, 88.57, 89.29),
    _same(_WIDE, dataclasses.replace(_WIDE, alpha=1.0)),
  ),
  1.0: _row(
    (1_343_018, 1_342_122, 39_687_168),
    (5251.34, 1334.41),
    (84.42, 89.41, 89.92),
    (84.52, 89.28, 89.91),
    _same(_WIDE, dataclasses.replace(_WIDE, alpha=1.0)),
  ),
  1.4: _row(
    (2_606_654, 2_605_450, 65_415_474),
    (10186.21, 2572.82),
    (85.82, 90.86),
    (85.64, 90.82),
    (Settings(5e-4, 0.15, 1e-4), _WIDE),
  ),
}
