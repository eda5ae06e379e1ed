import pytest

from effnas import errors
from effnas.strategy import guide
from effnas.strategy.guide import foresee, walking


def test_every_way_of_compression_is_foreseen(plan):
  found = foresee.compressed(plan, plan.start)
  assert list(found) == [
    '',
    '8 bits',
    '4 bits',
    '50 % pruned',
    '50 % pruned, 8 bits',
    '50 % pruned, 4 bits',
  ]
  sizes = [foresee.footprint(plan, p)['size_bytes'] for p in found.values()]
  assert sizes[0] > sizes[1] > sizes[2]
  assert sizes[0] > sizes[3] > sizes[4]


def test_a_budget_below_the_smallest_is_told_with_its_size(config):
  def make(bound):
    return guide.make(
      'grow', config, budget={'size_bytes': bound}, widths=(0.5, 2.0)
    )

  with pytest.raises(errors.UserError, match='smallest network') as caught:
    guide.walk(make(10), 'nowhere')
  plan = make(10)
  narrow = plan.axis.at(plan.start, 0.5)
  least = min(
    foresee.footprint(plan, point)['size_bytes']
    for point in foresee.compressed(plan, narrow).values()
  )
  assert f'{least} (width 0.5, ' in str(caught.value)
  foresee.check(make(least))
  with pytest.raises(errors.UserError):
    foresee.check(make(least - 1))


def test_the_smallest_is_sought_in_the_space_where_the_walk_searches(config):
  config['space'] = 'guide_spaces:deep'
  config['search']['start_with'] = [{'model.depth': 3}]

  def make(bound, *steps):
    budget = {'macs': bound}
    return guide.make('shrink', config, budget=budget, widths=(1,), steps=steps)

  # Dense layers of 64 to 8, 8 to 8 twice, and 8 to 10.
  for steps, least in ((('prune',), 720), (('search', 'prune'), 592)):
    foresee.check(make(least, *steps))
    with pytest.raises(errors.UserError, match=f'this walk, {least} ') as told:
      foresee.check(make(least - 1, *steps))
    assert ('another network' in str(told.value)) == ('search' in steps)


def test_what_is_foreseen_is_what_is_written(walk, workdir):
  for one in walk.tried:
    folder = next(r.folder for r in walk.rows if r.step == one.step)
    file = walking.training.folder(workdir / folder, one.trial)
    size = (file / 'weights.safetensors').stat().st_size
    assert foresee.footprint(walk.plan, one.point)['size_bytes'] == size
