r"""Quantizes a trained float network after training, and tells what it loses.

The network is that of a run of `effnas train`, of a trial of `effnas search`,
or of a config with a weights file. It must be a float one, trained with
quant.weights=32: under other bits a run trains for integers and keeps those. A
row for each width of --weights tells the accuracy of the converted network on
the validation split, the size of its weights file, and its latency on each
--target.

  --sensitivity  the loss of quality by layer and bits: each layer is quantized
                 alone at each width of --weights (by default 8, 4, 3, 2). The
                 table is written beside the weights file, as sensitivity.csv,
                 and drawn, sensitivity.png.
  --budget       bits per layer within a budget: METRIC=BOUND, where METRIC is
                 size_bytes (the weights file) or latency_ms@TARGET. The losses
                 of the layers are taken to add up; the best assignments are
                 judged as whole networks, and the best few of them converted
                 and evaluated. The best one's `quant` section is printed.
  --out          write the converted weights file: of the one width, or of the
                 best assignment

Examples:
  effnas train --config=configs/digits.py --workdir=runs/float \
    --config.space_args.weights='(32,)' --config.quant.patterns=None
  effnas quantize --workdir=runs/float --weights=8,4 --target=tpu_v5e,cpu
  effnas quantize --workdir=runs/float --sensitivity
  effnas quantize --workdir=runs/float --budget=size_bytes=30000 \
    --out=runs/float/mixed.safetensors
  effnas quantize --workdir=runs/float --budget=latency_ms@tpu_v5e=6e-5
  effnas quantize --config=configs/digits.py --arch=arch.json \
    --init=weights.safetensors --weights=4 --activations=32
"""

import dataclasses
import math
import os
from typing import Any

from absl import flags

from effnas import errors, terminal
from effnas.cli import out, progress, runs, show, trained
from effnas.cli import request as request_lib

USAGE = 'quantize --workdir=RUN [--trial=N] [--flags]'
_FLOAT = 32
_SEVERAL = (8, 4, 3, 2)


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  trained.define(values)
  runs.define_accept(values)
  flags.DEFINE_list(
    'weights',
    [],
    'Bits of the weights, 1 to 8: a row for each; those to try or to choose '
    'among with --sensitivity and --budget. By default 8, or 8,4,3,2 there.',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'activations',
    8,
    "Bits of the layers' inputs, 1 to 8, or 32 for float.",
    flag_values=values,
  )
  flags.DEFINE_list(
    'target',
    None,
    "The devices to give a latency for; by default the config's.",
    flag_values=values,
  )
  flags.DEFINE_integer(
    'batch',
    None,
    "Examples at a time, for latencies; by default the config's.",
    flag_values=values,
  )
  flags.DEFINE_integer(
    'limit',
    None,
    'Judge by at most so many examples of the validation split.',
    lower_bound=1,
    flag_values=values,
  )
  flags.DEFINE_bool(
    'sensitivity',
    False,
    'Tell the loss of quality by layer and bits.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'budget',
    None,
    'Choose bits per layer within it: size_bytes=N or latency_ms@TARGET=MS.',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'evaluate',
    3,
    'With --budget: how many assignments to convert and evaluate.',
    lower_bound=1,
    flag_values=values,
  )
  flags.DEFINE_string(
    'out',
    None,
    'The weights file to write, of the converted network.',
    flag_values=values,
  )
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Quantizes the network and prints what came of it."""
  request.words()
  given = request.flags
  budget = _budget(given.budget)
  several = given.sensitivity or budget is not None
  bits = _bits(given.weights, _SEVERAL if several else (8,))
  if given.out is not None and budget is None and len(bits) != 1:
    raise errors.UserError(
      f'--out takes one network; name one width, e.g. --weights={bits[0]}, or '
      'a --budget'
    )
  if given.out is not None:
    out.ready(given.out)
  from effnas.search.running import compile_cache

  os.environ.update(compile_cache.environment())
  from effnas import strategy
  from effnas.cli import quantizing

  subject = trained.load(request)
  network = {
    'net': subject.net,
    'variables': subject.variables,
    'dataset': subject.dataset,
  }
  progress.tell(f'{subject.title}, on {subject.config["data"]["name"]}')
  for line in _unreached(subject, bits[0], given.activations):
    progress.tell(line)
  about: dict[str, Any] = {
    'targets': _targets(given, subject.config),
    'batch': given.batch or subject.config['footprint']['batch'],
    'limit': given.limit,
  }
  found = mixed = None
  rows = []
  if budget is not None:
    with quantizing.told() as report:
      mixed = strategy.mixed_precision(
        **network,
        metric=budget[0],
        budget=budget[1],
        bits=bits,
        activations=given.activations,
        evaluate=given.evaluate,
        report=report,
        **about,
      )
    found = mixed.sensitivity
    rows = [
      _served(network, _FLOAT, _FLOAT, about),
      *quantizing.assigned(mixed),
    ]
  elif given.sensitivity:
    with quantizing.told() as report:
      found = strategy.sensitivity(
        **network,
        bits=bits,
        activations=given.activations,
        limit=given.limit,
        report=lambda done, total, _: report('sensitivity', done, total),
      )
  else:
    widths = [(_FLOAT, _FLOAT), *((w, given.activations) for w in bits)]
    rows = [_served(network, *pair, about) for pair in widths]
  written = _files(request, subject, found, mixed, about)
  if given.format == 'json':
    show.as_json(_json(subject, rows, found, mixed, written))
    return
  if given.sensitivity:
    quantizing.sensitivities(found)
  if rows:
    terminal.put('\n' * given.sensitivity)
    quantizing.table(rows)
  if mixed is not None:
    section = quantizing.section(mixed.rules()).splitlines()
    terminal.out('', 'mixed 1 as a section of a config:', '', *section)
  for file in written:
    progress.tell(f'wrote {file}')


def _unreached(
  subject: trained.Trained, weights: int, activations: int
) -> list[str]:
  """Says what quantization leaves in float, whatever the bits."""
  from effnas import quant
  from effnas.cli import networks
  from effnas.nn import rewrite
  from effnas.recipe import context

  ruled = rewrite.Rewritten(
    subject.net.model, quant.rules(weights, activations)
  )
  data = subject.dataset
  takes = tuple(data.input_shape), context.input_dtype(data)
  return networks.Subject(subject.title, ruled, *takes).unreached()


def _served(
  network: dict[str, Any], weights: int, activations: int, about: Any
) -> Any:
  """The row of a width, or of the float network."""
  from effnas import strategy
  from effnas.cli import quantizing

  found = strategy.post_training(
    **network, weights=weights, activations=activations, **about
  )
  name = 'float' if weights == _FLOAT else f'{weights} bits'
  return quantizing.served(name, weights, activations, found)


def _files(
  request: request_lib.Request,
  subject: trained.Trained,
  found: Any,
  mixed: Any,
  about: Any,
) -> list[str]:
  """Writes what was asked for; returns the paths."""
  given = request.flags
  written: list[str] = []
  if given.sensitivity:
    from effnas.report import sensitivity

    chosen = mixed.best.bits if mixed is not None else None
    folder = subject.weights.parent
    written += map(str, sensitivity.write(found, folder, chosen))
  if given.out is not None:
    from effnas import strategy
    from effnas.footprint import weights

    rules = {
      'weights': int(given.weights[0]) if given.weights else 8,
      'activations': given.activations,
    }
    served = strategy.post_training(
      subject.net,
      subject.variables,
      subject.dataset,
      **(rules if mixed is None else mixed.rules()),
      **about,
    )
    out.write(given.out, weights.serialize(served.variables))
    written.append(given.out)
  return written


def _json(
  subject: trained.Trained,
  rows: Any,
  found: Any,
  mixed: Any,
  written: list[str],
) -> dict[str, Any]:
  told: dict[str, Any] = {
    'network': subject.title,
    'weights_file': str(subject.weights),
    'networks': [row.json() for row in rows],
  }
  if found is not None:
    told['sensitivity'] = dataclasses.asdict(found)
  if mixed is not None:
    told['budget'] = {mixed.metric: mixed.budget}
    told['quant'] = mixed.rules()
  return told | {'files': written}


def _bits(words: list[str], default: tuple[int, ...]) -> tuple[int, ...]:
  """The widths that `--weights` says."""
  try:
    found = tuple(int(word) for word in words)
  except ValueError:
    found = (0,)
  if any(width not in range(1, 9) for width in found):
    raise errors.UserError(
      f'--weights takes bits from 1 to 8, e.g. 8,4; got {",".join(words)!r}'
    )
  return tuple(dict.fromkeys(found)) or default


def _budget(text: str | None) -> tuple[str, float] | None:
  """The metric and the bound that `--budget` says."""
  if text is None:
    return None
  metric, _, bound = text.rpartition('=')
  try:
    number = float(bound)
  except ValueError:
    number = math.nan
  if not metric or not math.isfinite(number) or number <= 0:
    raise errors.UserError(
      '--budget takes METRIC=BOUND, e.g. size_bytes=30000 or '
      f'latency_ms@tpu_v5e=0.1; got {text!r}'
    )
  return metric, number


def _targets(given: Any, config: Any) -> list[str]:
  from effnas.footprint.latency import target

  wanted = given.target
  if wanted is None:
    wanted = config['footprint']['targets']
  return [found.name for found in target.choose(wanted)]
