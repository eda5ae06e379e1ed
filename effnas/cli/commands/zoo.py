r"""Lists the published networks; brings in their weights from PyTorch.

Each network is named with the input of its paper, its trainable parameters and
the multiply-accumulates of one example. They were counted from the program and
stand in a table, which --recount makes anew.

`import` reads the weights of a timm network, a safetensors file, and writes
them as weights of ours. `train.init` in a config starts from these. What stands
in front of all names (`module.`, `_orig_mod.`) is left out; of several sets in
a file, as of an average, --prefix says which. With --headless the classifier
stays out, for other classes.

Examples:
  effnas zoo
  effnas zoo --format=json
  effnas zoo import mobilenet_v2 model.safetensors --out=mobilenet_v2.st
  effnas zoo import resnet_18 mine.safetensors --args='{"classes": 10}' \
    --out=mine.st
  effnas zoo import resnet_18 ema.safetensors --prefix=state_dict_ema \
    --headless --args='{"classes": 10}' --out=backbone.st
"""

import pathlib
import re
from typing import Any

from absl import flags

from effnas import errors, words
from effnas.cli import out, progress, show
from effnas.cli import request as request_lib

USAGE = 'zoo [import NETWORK FILE.safetensors --out=FILE] [--flags]'


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  flags.DEFINE_bool(
    'recount', False, 'Count every network anew.', flag_values=values
  )
  flags.DEFINE_string(
    'out', None, 'import: the weights file to write.', flag_values=values
  )
  flags.DEFINE_string(
    'args',
    '{}',
    'import: arguments of the network, a JSON object.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'prefix',
    None,
    'import: which set of weights of several in the file, by what stands in '
    'front of their names, e.g. state_dict_ema.',
    flag_values=values,
  )
  flags.DEFINE_bool(
    'headless',
    False,
    'import: leave out the classifier, which may have another size in the '
    'file; train.init then draws it.',
    flag_values=values,
  )
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Lists the networks, or imports the weights of one."""
  if request.args[:1] == ['import']:
    _import(request)
    return
  request.words()
  rows = _rows(request.flags.recount)
  if request.flags.format == 'json':
    show.as_json(rows)
    return
  show.table(
    ['name', 'input', 'parameters', 'MACs', 'paper'],
    [
      [
        row['name'],
        'x'.join(map(str, row['input'])),
        row['params'],
        row['macs'],
        re.split(r'(?<=, \d{4})', row['paper'])[0],  # authors and year
      ]
      for row in rows
    ],
  )


def _rows(recount: bool) -> list[dict[str, Any]]:
  """Returns a row per network: the table's, or counted where it has none."""
  from effnas import zoo

  known = {} if recount else {row['name']: row for row in zoo.table()}
  networks = zoo.networks()
  rows = []
  with progress.Progress('network', len(networks), patience=3) as counting:
    for name, network in networks.items():
      rows.append(known.get(name) or counted(name, network))
      counting.update(len(rows), name)
  return rows


def counted(name: str, network: Any) -> dict[str, Any]:
  """Returns the row of a network, counted.

  Args:
    name: Its name.
    network: An `effnas.zoo.network.Network`.

  Returns:
    name, paper, params, macs, input.
  """
  from effnas import footprint

  found = footprint.measure(
    network.build(), network.input_shape, input_dtype=network.input_dtype
  )
  return {
    'name': name,
    'paper': network.paper,
    'params': found['params'],
    'macs': found['macs'],
    'input': list(network.input_shape),
  }


def _import(request: request_lib.Request) -> None:
  _, name, file = request.words(
    'import', 'a network: a name of `effnas zoo`', 'a safetensors file'
  )
  given = request.flags
  place = out.ready(request.need('out', 'the weights file to write'))
  from effnas import zoo
  from effnas.footprint import weights
  from effnas.zoo import pytorch

  network = zoo.load(name)
  arguments = request.json('args')
  try:
    state = weights.deserialize(pathlib.Path(file).read_bytes())
    network.build(**arguments)
  except OSError as e:
    raise errors.UserError(f'cannot read {file}: {e.strerror}') from None
  except TypeError as e:
    raise errors.UserError(f'--args: {e}') from None
  except errors.UserError as e:
    raise errors.UserError(f'{file}: {e}') from None
  try:
    found = pytorch.bring(
      network, state, arguments, prefix=given.prefix, headless=given.headless
    )
  except errors.UserError as e:
    raise errors.UserError(f'{file} for {name}: {e}') from None
  out.write(place, weights.serialize(found.variables))
  if found.prefix:
    progress.tell(f'the names in {file} begin with {found.prefix!r}: left out')
  if found.passed_over:
    told = words.number(found.passed_over, 'array')
    progress.tell(f'{told} of {file} passed over, not under that prefix')
  if found.head:
    progress.tell(
      f'the classifier is left out ({", ".join(found.head)}): what starts from '
      f'{place} draws it'
    )
  arrays = words.number(len(state) - found.passed_over, 'array')
  progress.tell(f'{arrays} of {file} are now {name} in {place}')
