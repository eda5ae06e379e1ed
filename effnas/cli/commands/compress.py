r"""Compresses a trained network step by step, with a table of what it costs.

The steps are the config's section `compress`: `order` names them, and each has
its settings. Every step fine-tunes where it has epochs. The table tells the
quality on the validation split, the size of the file, MACs and latencies after
each step; the last one is evaluated on the test split, too. The workdir gets
config.json, compress.json, weights.safetensors and steps/N_NAME.safetensors.

Steps: prune, regrow (sparse training), remove (channels, heads, layers), factor
(low rank), adapt (LoRA), cluster, quantize, encode (Huffman).

Examples:
  effnas compress --config=configs/compress_digits.py --workdir=runs/small
  effnas compress --config=configs/compress_digits.py --workdir=runs/sparse \
    --config.compress.order="('prune', 'quantize')" \
    --config.compress.prune.sparsity=0.9
  effnas compress --config=configs/compress_digits.py --workdir=runs/again \
    --trained=runs/float/weights.safetensors
"""

import dataclasses
import os
import pathlib
from typing import Any

from absl import flags

from effnas import errors, terminal
from effnas.cli import progress, runs, show
from effnas.cli import request as request_lib

USAGE = 'compress --config=FILE --workdir=DIR [--trained=FILE] [--flags]'
INTERRUPTED = (
  'with train.checkpoint_every above 0, the same command goes on from the '
  'last checkpoint'
)
_RESULT = 'compress.json'


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  runs.define(values)
  flags.DEFINE_string(
    'trained',
    None,
    'The weights file of the trained float network, e.g. of `effnas train`; '
    'without one it is trained first.',
    flag_values=values,
  )


def run(request: request_lib.Request) -> None:
  """Compresses the network and prints a row for each step."""
  request.words()
  config = request.config()
  workdir = request.need('workdir', 'the folder to keep the network in')
  from effnas.search.running import compile_cache

  os.environ.update(compile_cache.environment())
  from effnas.cli import networks
  from effnas.footprint import untraceable
  from effnas.recipe import network
  from effnas.search.networks import candidate, made_with, patterns

  subject, arch = networks.of_config(request, config)
  recipe = candidate.build(config, arch).recipe
  if not recipe.steps:
    raise errors.UserError(
      'the config names no step: set compress.order, e.g. '
      "--config.compress.order=\"('prune', 'quantize')\""
    )
  takes = subject.input_shape, subject.input_dtype
  with untraceable.named(arch):
    recipe.check(network.planned(subject.net, *takes), *takes)
  if request.flags.trained:
    subject = networks.with_weights(subject, request.flags.trained)
  trained = request.flags.trained

  def work(folder: pathlib.Path) -> dict[str, Any]:
    progress.tell(f'{subject.title}, on {config["data"]["name"]}')
    for line in patterns.told(config):
      progress.tell(line)
    return _compress(config, arch, folder, trained)

  found = runs.result(
    workdir,
    {**config, 'arch': dict(arch), 'trained': trained},
    candidate.load_space(config),
    _RESULT,
    work,
    provenance=candidate.load_data(config).provenance,
    identity=made_with.of(config, {'--trained': trained}),
    accept_changes=request.flags.accept_changes,
  )
  if request.flags.format == 'json':
    show.as_json(found)
  else:
    _table(found)


def _compress(
  config: dict[str, Any], arch: Any, folder: pathlib.Path, trained: str | None
) -> dict[str, Any]:
  """Runs the steps; returns what compress.json holds."""
  from effnas import train
  from effnas.search import plain
  from effnas.search.networks import candidate
  from effnas.strategy import compression

  built = candidate.build(config, arch)
  epochs = built.epochs - (built.train['epochs'] if trained else 0)
  skipped = built.epochs - epochs
  try:
    before = 'compiling' if epochs else ''
    with progress.Progress('epoch', epochs, before=before) as bar:
      found = compression.compress(
        config,
        arch,
        folder,
        given=trained,
        report=lambda epoch, m: bar.update(epoch - skipped, runs.told(m)),
      )
  except train.Diverged as e:
    raise errors.UserError(
      f"a step diverged: {e}; lower the step's lr or set optim.clip"
    ) from e
  return plain.plain(
    {
      'arch': arch,
      'rows': [dataclasses.asdict(row) for row in found.rows],
      'test': found.test,
    }
  )


def _table(found: dict[str, Any]) -> None:
  from effnas.report import labels

  rows = found['rows']
  quality = [n for n in ('accuracy', 'loss') if n in rows[0]['quality']]
  costs = [n for n in rows[0]['footprint'] if n != 'peak_memory_bytes']
  columns = ['step', 'settings', *quality, *costs, 'seconds']
  show.table(
    [labels.title(name) for name in columns],
    [
      [
        row['step'],
        ', '.join(f'{k}={v}' for k, v in row['settings'].items()) or '-',
        *(labels.value(name, row['quality'][name]) for name in quality),
        *(labels.value(name, row['footprint'][name]) for name in costs),
        f'{row["seconds"]:.1f} s',
      ]
      for row in rows
    ],
  )
  terminal.out()
  for name, source in rows[-1]['sources'].items():
    terminal.out(f'{labels.title(name)}: {source} ({rows[-1]["step"]})')
  test = found['test']
  size = [row['footprint']['size_bytes'] for row in rows]
  terminal.out(
    f'test accuracy {labels.value("accuracy", test["accuracy"])}; the file is '
    f'{size[0] / size[-1]:.1f} times smaller than at the start'
  )
