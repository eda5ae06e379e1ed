"""Training images are changed at random, in ways that keep their label.

Reference:
  Shorten and Khoshgoftaar, "A survey on image data augmentation for deep
  learning", Journal of Big Data 6, 2019
"""

from effnas.search.networks import candidate
from effnas.strategy.guide import offering

KIND = 'improve'
_ERASING = {'name': 'erasing', 'high': 0.2}
_MIXUP = {'name': 'mixup', 'alpha': 0.2}
_FURTHER = (('translate',), (_ERASING,), (_MIXUP,), ('translate', _ERASING))


def make(plan, here):
  """Tries what the config offers, or some that suit most images."""
  now = list(here.point.get('train.augment', ()))
  offered = plan.options('train.augment', ())
  if len(offered) < 2 and 'augment' in plan.config['train']:
    images = candidate.load_data(plan.config).kind == 'image'
    offered = [[*now, *more] for more in _FURTHER] if images else []
  candidates = {}
  for names in offered:
    said = _said(names)
    if said != _said(now) and len({_name(n) for n in names}) == len(names):
      changed = here.point.replace({'train.augment': list(names)})
      candidates[said] = changed
  return offering.each(
    plan, candidates, 'no augmentation is known for such data'
  )


def _name(one):
  return one['name'] if isinstance(one, dict) else one


def _said(names):
  return ' + '.join(map(_name, names)) or 'no augmentation'
