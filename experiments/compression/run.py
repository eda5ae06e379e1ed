"""Compresses two networks for CIFAR-10 by each technique, and measures them.

python experiments/compression/run.py --data=FOLDER

FOLDER holds CIFAR-10 in its official binary layout. Each network is trained
once in float; each technique starts from there, and its network is written as
a file, read back, and measured. A row is in results.json as soon as it is
finished, and is not run again; plot.png and the tables that are printed follow
from the rows.
"""

import dataclasses
import pathlib
import sys
import time

from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import networks
import plot
import results
import table
import techniques

from effnas import data, errors, files, train
from effnas.cli import experiment
from effnas.compress import storage
from effnas.footprint import weights
from effnas.nn import rewrite
from effnas.recipe import artefact, context, deployed, network, steps

_HERE = pathlib.Path(__file__).parent
_DATA = flags.DEFINE_string('data', None, 'CIFAR-10, in its binary layout.')
_VERIFY = flags.DEFINE_bool('verify', True, 'Whether checksums must be right.')
_NETWORKS = flags.DEFINE_list('networks', [], 'Some of the networks.')
_TECHNIQUES = flags.DEFINE_list('techniques', [], 'Some of the techniques.')
_SEED = flags.DEFINE_integer('seed', 0, 'Of split, weights and batches.')
_SMOKE = flags.DEFINE_bool('smoke', False, 'One epoch on 512 images, to try.')
_WORKDIR = flags.DEFINE_string(
  'workdir', 'runs/compression', 'Receives trained networks and files.'
)
_RESULTS = flags.DEFINE_string(
  'results', None, 'Folder of results.json; this one, or the workdir (smoke).'
)


def _chosen(kind, wanted, known):
  for name in wanted:
    if name not in known:
      raise errors.unknown(kind, name, known)
  return [name for name in known if not wanted or name in wanted]


def _told(line):
  print(line, file=sys.stderr, flush=True)


def _measured(name, net, dataset, folder):
  """Writes a network's file, and measures what is read back from it."""
  shape, dtype = tuple(dataset.input_shape), context.input_dtype(dataset)
  found = artefact.converted(net, shape, dtype)
  file = folder / f'{name}.safetensors'
  files.write(file, weights.serialize(artefact.stored(found)))
  variables = storage.unpack(weights.deserialize(file.read_bytes()))

  footprint = deployed.measure(
    found.net, shape, input_dtype=dtype, variables=found.variables
  )

  def accuracy(split):
    got = train.evaluate(found.net, variables, split, dataset)
    return round(got['accuracy'], 4)

  return {
    'accuracy_valid': accuracy(dataset.valid),
    'accuracy_test': accuracy(dataset.test),
    'size_bytes': file.stat().st_size,
    'macs': int(footprint['macs']),
  }


def _row(name, net_name, dataset, variables, seconds, folder):
  """Runs one technique on one network."""
  chosen = networks.chosen(net_name, _SMOKE.value)
  technique = techniques.all_of(chosen)[name]
  recipe = technique.recipe
  start = network.Network(rewrite.Rewritten(chosen.build()), variables)

  def report(step, epoch, metrics):
    loss = metrics['train_loss']
    _told(f'{net_name} {name}: {step}, epoch {epoch}, loss {loss:.4f}')

  begun = time.monotonic()
  these = [steps.make(step, settings) for step, settings in recipe]
  steps.check(these)
  found = start
  for step in these:
    examples = dataset.train
    if step.name != 'regrow' and not technique.whole:
      examples = examples.take(slice(chosen.tuning_examples))
    found = step.run(
      found,
      context.Context(
        dataclasses.replace(dataset, train=examples),
        train=networks.training(_SEED.value),
        optim=chosen.optim(),
        report=report,
      ),
    )
  if recipe:
    seconds = time.monotonic() - begun
  return {
    'network': net_name,
    'technique': name,
    'title': technique.title,
    'seed': _SEED.value,
    'train_examples': _examples(technique, chosen, dataset),
    'epochs': technique.epochs if recipe else chosen.epochs,
    'recipe': [[step, dict(settings)] for step, settings in recipe],
    **_measured(name, found, dataset, folder),
    'seconds': round(seconds, 1),
  }


def _examples(technique, chosen, dataset):
  """How many images a technique trains on."""
  every = len(dataset.train.x)
  if technique.recipe and not technique.epochs:
    return 0
  anew = technique.recipe and technique.recipe[0][0] == 'regrow'
  if not technique.recipe or anew or technique.whole:
    return every
  return min(every, chosen.tuning_examples)


def _done(rows, name, net_name, dataset):
  """Whether a row is there, and is of the settings of now."""
  chosen = networks.chosen(net_name, _SMOKE.value)
  technique = techniques.all_of(chosen)[name]
  recipe = results.plain(technique.recipe)
  examples = _examples(technique, chosen, dataset)
  return any(
    results.cell(row) == (net_name, name, _SEED.value)
    and row['recipe'] == recipe
    and row['train_examples'] == examples
    and (recipe or row['epochs'] == chosen.epochs)
    for row in rows
  )


def run():
  """Runs the cells that are not there yet; returns how many failed."""
  names = _chosen('network', _NETWORKS.value, list(networks.NETWORKS))
  known = list(techniques.all_of(networks.NETWORKS[names[0]]))
  wanted = _chosen('technique', _TECHNIQUES.value, known)
  workdir = pathlib.Path(_WORKDIR.value) / ('smoke' if _SMOKE.value else 'full')
  place = pathlib.Path(_RESULTS.value or (workdir if _SMOKE.value else _HERE))
  dataset = data.load(
    name='cifar10',
    path=_DATA.value,
    verify=_VERIFY.value,
    seed=_SEED.value,
    limit=512 if _SMOKE.value else None,
  )
  failed = 0
  for net_name in names:
    folder = workdir / f'{net_name}_{_SEED.value}'
    variables, seconds = networks.trained(
      networks.chosen(net_name, _SMOKE.value),
      dataset,
      folder,
      _SEED.value,
      _told,
    )
    for name in wanted:
      rows = results.read(place / 'results.json')
      if _done(rows, name, net_name, dataset):
        continue
      try:
        row = _row(name, net_name, dataset, variables, seconds, folder)
      except (errors.UserError, train.Diverged) as error:
        _told(f'{net_name} {name}: {error}')
        failed += 1
        continue
      print(table.line(row), flush=True)
      rows = results.read(place / 'results.json')
      results.write(place / 'results.json', results.put(rows, row, known))
  rows = results.read(place / 'results.json')
  print(table.text(rows))
  plot.draw(rows, place / 'plot.png')
  return failed


def main(_):
  """Runs the experiment; errors are one line each."""
  try:
    failed = run()
  except errors.UserError as error:
    _told(f'run.py: {error}')
    sys.exit(2)
  if failed:
    _told(f'run.py: {failed} rows are missing, see above')
    sys.exit(1)


if __name__ == '__main__':
  experiment.run(main)
