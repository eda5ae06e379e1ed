"""The zoo's ImageNet networks that timm's measurements on an RTX 3090 have."""

from collections.abc import Iterator, Mapping, Sequence

from effnas import zoo

_SAME = (
  *(f'convnext_{s}' for s in ('atto', 'pico', 'nano', 'tiny', 'small', 'base')),
  *(f'efficientnet_b{i}' for i in range(8)),
  *(f'efficientnet_lite{i}' for i in (0, 3, 4)),
  'efficientformer_l3',
  'mixnet_m',
  'mixnet_s',
  'mobilevit_s',
)
# Ours -> timm's.
NAMES = {
  **dict.fromkeys(_SAME),
  **{f'deit_{s}': f'deit_{s}_patch16_224' for s in ('tiny', 'small', 'base')},
  **{f'efficientnet_v2_{s}': f'efficientnetv2_{s}' for s in ('s', 'm')},
  **{f'mobilenet_v2_{w}': f'mobilenetv2_{w}' for w in ('035', '050', '075')},
  **{f'resnet_{n}': f'resnet{n}' for n in (18, 34, 50, 101)},
  'fbnet_c': 'fbnetc_100',
  'mnasnet_b1': 'mnasnet_100',
  'mobilenet_v1': 'mobilenetv1_100',
  'mobilenet_v3_large_minimalistic': 'tf_mobilenetv3_large_minimal_100',
  'mobilenet_v3_small': 'mobilenetv3_small_100',
  'mobilenet_v3_small_075': 'tf_mobilenetv3_small_075',
  'mobilenet_v3_small_minimalistic': 'tf_mobilenetv3_small_minimal_100',
}
_ONE_SIZE = ('deit_',)  # a position for each patch


def measured(
  rows: Sequence[Mapping[str, str]],
) -> Iterator[tuple[str, int, Mapping[str, str]]]:
  """Goes through the rows that are about a network of the zoo.

  Args:
    rows: Of timm's table.

  Yields:
    Our name, the side of the images, the row.
  """
  ours = {theirs or name: name for name, theirs in NAMES.items()}
  for row in rows:
    name = ours.get(row['model'])
    side = int(row['infer_img_size'])
    if name is None:
      continue
    published = zoo.load(name).input_shape[0]
    if not name.startswith(_ONE_SIZE) or side == published:
      yield name, side, row
