"""How torchvision names weights, where its names differ from timm's.

Each function names our path to a module or a parameter, given all such paths,
or returns None; see `effnas.zoo.pytorch`. ResNet has the same names in both.
"""

from collections.abc import Collection
import functools
import re

# The order in which a block's parts stand, where it has them.
_ORDER = ('expand', 'single', 'depthwise', 'se', 'project')
_KINDS = {'conv': '0', 'normalise': '1'}
_SQUEEZE = {'reduce': 'fc1', 'expand': 'fc2'}

_CONVNEXT_ENDS = {
  'stem': 'features.0.0',
  'norm_stem': 'features.0.1',
  'norm_head': 'classifier.0',
  'classifier': 'classifier.2',
}
_CONVNEXT_DOWN = {'norm_down': '0', 'down': '1'}
_CONVNEXT_BLOCK = {'depthwise': '0', 'norm': '2', 'mlp_in': '3', 'mlp_out': '5'}


def mobilenet_v2(path: str, paths: Collection[str]) -> str | None:
  """Names MobileNetV2: 'stages_0/block_0/project/conv' -> 'features.1.conv.1'.

  Args:
    path: Of a module.
    paths: Of all parameters.
  """
  if path == 'classifier':
    return 'classifier.1'
  place = _place(path, paths)
  if place is None:
    return None
  index, part, kind, parts = place
  if part is None:
    return f'features.{index}.{_KINDS[kind]}'
  if 'se' in parts:
    return None
  if part != 'project':
    return f'features.{index}.conv.{parts.index(part)}.{_KINDS[kind]}'
  return f'features.{index}.conv.{len(parts) - 1 + int(_KINDS[kind])}'


def mobilenet_v3(path: str, paths: Collection[str]) -> str | None:
  """Names MobileNetV3, whose blocks are counted through all stages.

  Args:
    path: Of a module.
    paths: Of all parameters.
  """
  ends = {'widen': 'classifier.0', 'classifier': 'classifier.3'}
  if path in ends:
    return ends[path]
  place = _place(path, paths)
  return place and _listed(f'features.{place[0]}', place)


def efficientnet(path: str, paths: Collection[str]) -> str | None:
  """Names EfficientNet and EfficientNetV2, whose blocks count by stage.

  Args:
    path: Of a module.
    paths: Of all parameters.
  """
  if path == 'classifier':
    return 'classifier.1'
  place = _place(path, paths)
  if place is None:
    return None
  stages = len({stage for stage, _ in _blocks(paths)})
  found = re.match(r'stages_(\d+)/block_(\d+)', path)
  if found:
    return _listed(f'features.{int(found[1]) + 1}.{found[2]}', place)
  return _listed(f'features.{stages + 1 if place[0] else 0}', place)


def convnext(path: str, paths: Collection[str]) -> str | None:
  """Names ConvNeXt: stem, then stages and what halves maps between them.

  Args:
    path: Of a module or a parameter.
    paths: Of all parameters.
  """
  del paths
  if path in _CONVNEXT_ENDS:
    return _CONVNEXT_ENDS[path]
  found = re.fullmatch(r'stages_(\d+)/block_(\d+)/(.+)', path)
  if not found:
    return None
  stage, block, part = int(found[1]), found[2], found[3]
  if part in _CONVNEXT_DOWN:
    return f'features.{2 * stage}.{_CONVNEXT_DOWN[part]}'
  inside = f'features.{2 * stage + 1}.{block}'
  if part == 'branch/scale/scale':
    return f'{inside}.layer_scale'
  if part in _CONVNEXT_BLOCK:
    return f'{inside}.block.{_CONVNEXT_BLOCK[part]}'
  return None


def mnasnet(path: str, paths: Collection[str]) -> str | None:
  """Names MnasNet-B1, at any width: torchvision's mnasnet0_5 to mnasnet1_3.

  The stem, the first block and the head lie flat in one list, three places for
  each convolution; the stages between them are lists of blocks.

  Args:
    path: Of a module.
    paths: Of all parameters.
  """
  if path == 'classifier':
    return 'classifier.1'
  place = _place(path, paths)
  if place is None:
    return None
  index, part, kind, parts = place
  if part is None:
    stages = len({stage for stage, _ in _blocks(paths)})
    return f'layers.{int(_KINDS[kind]) + (7 + stages if index else 0)}'
  stage, block = _blocks(paths)[index - 1]
  expanded = ['expand'] if stage else []
  if parts != [*expanded, 'depthwise', 'project'] or (not stage and block):
    return None
  number = 3 * parts.index(part) + int(_KINDS[kind])
  if stage:
    return f'layers.{stage + 7}.{block}.layers.{number}'
  return f'layers.{number + 3}'


NAMES = (mobilenet_v2, mobilenet_v3, efficientnet, convnext, mnasnet)
Place = tuple[int, str | None, str, list[str]]


def _place(path: str, paths: Collection[str]) -> Place | None:
  """Returns a module's place in the list of stem, blocks and head.

  Returns:
    Index in the list, part of the block (None in stem and head), kind, parts.
  """
  blocks = _blocks(paths)
  words = path.split('/')
  ends = {'stem': 0, 'head': len(blocks) + 1}
  if len(words) == 2 and words[0] in ends and words[1] in _KINDS:
    return ends[words[0]], None, words[1], []
  found = re.fullmatch(r'(stages_(\d+)/block_(\d+)/)(\w+)/(\w+)', path)
  if not found or found[5] not in (_SQUEEZE if found[4] == 'se' else _KINDS):
    return None
  index = blocks.index((int(found[2]), int(found[3])))
  parts = _parts(frozenset(paths), found[1])
  if found[4] not in parts:
    return None
  return index + 1, found[4], found[5], parts


# Both are asked for each array of a network.
@functools.lru_cache(maxsize=1024)
def _parts(paths: frozenset[str], block: str) -> list[str]:
  """Returns the parts of a block, in order; `block` ends with a slash."""
  inside = {
    path.removeprefix(block).split('/')[0]
    for path in paths
    if path.startswith(block)
  }
  return [part for part in _ORDER if part in inside]


def _blocks(paths: Collection[str]) -> list[tuple[int, int]]:
  """Returns (stage, block) of every block, in order."""
  return _listed_blocks(frozenset(paths))


@functools.lru_cache(maxsize=8)
def _listed_blocks(paths: frozenset[str]) -> list[tuple[int, int]]:
  found = (re.match(r'stages_(\d+)/block_(\d+)/', path) for path in paths)
  return sorted({(int(f[1]), int(f[2])) for f in found if f})


def _listed(prefix: str, place: Place) -> str:
  _, part, kind, parts = place
  if part is None:
    return f'{prefix}.{_KINDS[kind]}'
  inner = _SQUEEZE[kind] if part == 'se' else _KINDS[kind]
  return f'{prefix}.block.{parts.index(part)}.{inner}'
