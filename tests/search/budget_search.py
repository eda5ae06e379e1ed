"""A toy search in which training longer helps; importable on workers.

Its networks have one weight, the skill, that each epoch raises. A folder of a
trial holds it, so that another trial can go on with it.
"""

import json
import math
import os
import pathlib
import sys
import time

from effnas import search
from effnas import space as space_lib
from effnas.search import problem as problem_lib
from effnas.search import schedulers

# Small enough for a search of some fifty trials to promote to the last rung.
ARGS = {
  'none': {},
  'median_stopping': {'startup': 3},
  'learning_curve': {'grace': 3},
  'successive_halving': {'max_epochs': 9},
  'hyperband': {'max_epochs': 9},
  'bohb': {'max_epochs': 9, 'enough': 4},
  'asha': {'max_epochs': 9},
  'pareto_asha': {'max_epochs': 9},
  'pbt': {'max_epochs': 9, 'size': 4, 'interval': 2},
}
EPOCHS = 5  # of a trial without a budget


def space(finite=False):
  rate = space_lib.oneof(0.001, 0.01, 0.1)
  return space_lib.Space(
    {
      'model': {
        'kernel': space_lib.oneof(3, 5, 7),
        'width': space_lib.intrange(8, 64, 8),
      },
      'optim': {'lr': rate if finite else space_lib.loguniform(1e-4, 1)},
    }
  )


def footprint(arch):
  return {'params': arch['model.width'] * arch['model.kernel'] ** 2}


def problem(objectives=('accuracy',), constraints=None, finite=False):
  return problem_lib.Problem(
    space(finite), list(objectives), footprint, constraints or {}
  )


def trained(arch, skill, epochs):
  """One epoch after the other: what is learned late needs a smaller rate."""
  for _ in range(epochs):
    wanted = -1 - 2 * skill
    fit = math.exp(-4 * (math.log10(arch['optim.lr']) - wanted) ** 2)
    skill += 0.3 * fit * (1 - skill)
    yield skill


def accuracy(arch, skill):
  ceiling = 1 - 1 / footprint(arch)['params'] ** 0.5
  return ceiling * skill


def names():
  return [name for name in schedulers.names() if name in ARGS]


def objectives(scheduler):
  several = scheduler == 'pareto_asha'
  return ['accuracy', 'params'] if several else ['accuracy']


def config(scheduler, **changes):
  return {
    'space': 'budget_search:space',
    'search': {
      'engine': 'inline',
      'trials': 40,
      'concurrency': 3,
      'sampler': 'tpe' if scheduler == 'bohb' else 'random',
      'sampler_args': {'initial': 4} if scheduler == 'bohb' else {},
      'scheduler': scheduler,
      'scheduler_args': ARGS[scheduler],
      'objectives': objectives(scheduler),
      **changes,
    },
  }


def evaluate(task, arch, trial, report):
  """Trains from its own checkpoint, its parent's, or from nothing."""
  folder = pathlib.Path(task['workdir'], 'checkpoints')
  with pathlib.Path(task['workdir'], 'processes.txt').open('a') as file:
    file.write(f'{os.getpid()}\n')
  own = folder / f'{trial}.json'
  state = {'epoch': 0, 'skill': 0.0}
  if 'parent' in task:
    state = json.loads((folder / f'{task["parent"]}.json').read_text())
    assert state['epoch'] < task['epochs']
  if own.exists():  # the report may have been lost
    state = json.loads(own.read_text())
    report(state['epoch'], {'accuracy': accuracy(arch, state['skill'])})
  last = task.get('epochs', EPOCHS)
  folder.mkdir(exist_ok=True)
  if trial == task['config'].get('fail'):
    raise ValueError('this one fails')
  for skill in trained(arch, state['skill'], last - state['epoch']):
    time.sleep(task['config'].get('seconds', 0))
    state = {'epoch': state['epoch'] + 1, 'skill': skill}
    draft = own.with_suffix(f'.{os.getpid()}')
    draft.write_text(json.dumps(state))
    draft.replace(own)
    report(state['epoch'], {'accuracy': accuracy(arch, skill)})
  return {'accuracy': accuracy(arch, state['skill']), 'epoch': state['epoch']}


def run(path, config):
  return search.run(
    config,
    path,
    evaluate='budget_search:evaluate',
    problem=problem(config['search']['objectives']),
  )


def essence(trials):
  """All of a trial but how long it took."""
  return [
    (t.id, t.arch, t.epochs, t.parent, t.status, t.reason, t.reports)
    + ({k: v for k, v in t.metrics.items() if k != 'seconds'},)
    for t in trials
  ]


if __name__ == '__main__':
  run(sys.argv[1], json.loads(sys.argv[2]))
