"""What others report, of other networks, data and budgets."""

import dataclasses

_TFMOT = 'https://www.tensorflow.org/model_optimization/guide'


@dataclasses.dataclass(frozen=True)
class Point:
  """A published result.

  Attributes:
    family: The one of ours that it stands beside.
    what: Network, data and setting.
    before: Accuracy of the float network, in percent; None is not given.
    after: Accuracy then; None with `before` None is "without loss".
    ratio: Size before over size after; None is not given.
    source: Where it stands.
  """

  family: str
  what: str
  before: float | None
  after: float | None
  ratio: float | None
  source: str

  @property
  def change(self) -> float:
    """Points of accuracy that are gained."""
    if self.before is None or self.after is None:
      return 0.0
    return self.after - self.before


_PTQ = 'post-training quantization'
_QAT = 'quantization-aware training'
_SURVEY = 'https://arxiv.org/abs/2106.08962'

POINTS = (
  Point(
    _PTQ,
    'survey CNN 0.25, CIFAR-10, 8 bits',
    84.14,
    83.98,
    392.49 / 111.0,
    _SURVEY,
  ),
  Point(
    _PTQ,
    'MobileNetV2, ImageNet, 8 bits',
    71.9,
    63.7,
    14 / 3.6,
    f'{_TFMOT}/quantization/training',
  ),
  Point(
    _QAT,
    'MobileNetV2, ImageNet, 8 bits',
    71.9,
    70.9,
    14 / 3.6,
    f'{_TFMOT}/quantization/training',
  ),
  Point(
    _QAT,
    'MobileNetV1, CIFAR-10, 8 bits',
    94.88,
    94.80,
    None,
    f'{_TFMOT}/combine/collaborative_optimization',
  ),
  Point(
    'magnitude pruning',
    'MobileNetV1, ImageNet, 50 %',
    71.04,
    70.84,
    None,
    f'{_TFMOT}/pruning',
  ),
  Point(
    '2:4 pruning',
    'MobileNetV1, ImageNet',
    71.04,
    67.35,
    None,
    f'{_TFMOT}/pruning',
  ),
  Point(
    'RigL',
    'ResNet-50, ImageNet, 80 %',
    76.8,
    75.12,
    None,
    'https://arxiv.org/abs/1911.11134',
  ),
  Point(
    'RigL',
    'ResNet-50, ImageNet, 90 %',
    76.8,
    73.07,
    None,
    'https://arxiv.org/abs/1911.11134',
  ),
  Point(
    'clustering',
    'MobileNetV1, ImageNet, 32 clusters',
    70.976,
    69.4,
    14.97 / 4.43,
    f'{_TFMOT}/clustering',
  ),
  Point(
    'clustering',
    'MobileNetV1, CIFAR-10',
    94.88,
    94.48,
    None,
    f'{_TFMOT}/combine/collaborative_optimization',
  ),
  Point(
    'prune, cluster, encode',
    'AlexNet, ImageNet',
    None,
    None,
    35,
    'https://arxiv.org/abs/1510.00149',
  ),
  Point(
    'prune, cluster, encode',
    'VGG-16, ImageNet',
    None,
    None,
    49,
    'https://arxiv.org/abs/1510.00149',
  ),
)
