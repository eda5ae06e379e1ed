"""Calibrates four devices on a few networks and ranks all the others.

python experiments/accel_nasbench/run.py --data=FOLDER

FOLDER holds accel_nasbench_dev.csv, hw_gpt_bench_s_dev.csv.gz and
timm_rtx3090_dev.csv. Writes results.json and plot.png beside this file, and
prints the tables of the README. Minutes on two cores.
"""

import json
import pathlib
import sys

from absl import flags
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import ceiling
import families
import plot

from effnas import files, footprint, zoo
from effnas.cli import experiment
from effnas.footprint import network, tables
from effnas.footprint.latency import calibrate, features
from effnas.footprint.latency import device as device_lib
from effnas.footprint.latency import target as target_lib
from effnas.zoo import accel_nasbench, hw_gpt

_DATA = flags.DEFINE_string('data', None, 'The folder of the tables.')
_SPLITS = flags.DEFINE_integer('splits', 200, 'Random splits for each size.')
_SIZES = (10, 20, 50, 100, 200)
_HERE = pathlib.Path(__file__).parent
# Column -> (device, batch). The batch of the GPUs is not published; it decides
# only how much of the time is charged to launches.
_ACCEL = {
  'throughput_a100': ('a100', 128),
  'throughput_3090': ('rtx3090', 128),
  'throughput_tpuv2': ('tpu_v2', 64),
  'throughput_tpuv3': ('tpu_v3', 128),
}
_GPT = {
  'lat_ms_a100': 'a100',
  'lat_ms_v100': 'v100',
  'lat_ms_rtx3080': 'rtx3080',
}


def _summary(found):
  """Median, and the bad end of 95 %, of the scores of many splits."""
  values = np.array([[h.spearman, h.kendall, h.error] for h in found])
  bad = np.percentile(values, [5, 5, 95], axis=0).diagonal()
  names = ('spearman', 'kendall', 'error')
  median = dict(zip(names, np.median(values, axis=0).tolist(), strict=True))
  return median | {
    f'{n}_bad': float(b) for n, b in zip(names, bad, strict=True)
  }


def _sizes(quantities, ms, device, kind):
  prior = features.prior(device_lib.load(device))
  return {
    size: _summary(
      calibrate.few_shot(
        quantities, ms, prior, kind, fitted=size, splits=_SPLITS.value
      )
    )
    for size in _SIZES
    if size < len(ms)
  }


def accel(rows):
  """The four devices of Accel-NASBench."""
  space = accel_nasbench.space()
  archs = [accel_nasbench.arch(row) for row in rows]
  shape = (224, 224, 3)
  encoded = np.array([space.encode(arch) for arch in archs])
  found = {}
  for column, (device, batch) in _ACCEL.items():
    kept, ms = calibrate.milliseconds(
      rows, f'{column}.mean', 'throughput', batch
    )
    some = [archs[i] for i in kept]
    counted = footprint.batch(
      space, some, shape, batch=batch, targets=[f'datasheet/{device}']
    )
    quantities = footprint.quantities(space, some, shape, batch=batch)
    std = np.array([float(rows[i][f'{column}.std']) for i in kept])
    mean = np.array([float(rows[i][f'{column}.mean']) for i in kept])
    found[device] = {
      'networks': len(kept),
      'left_out': len(rows) - len(kept),
      'batch': batch,
      'calibrated': _sizes(quantities, ms, device, 'throughput'),
      'rankers': {
        'datasheet roofline': ceiling.spearman(
          counted[f'latency_ms@datasheet/{device}'], ms
        ),
        'MACs': ceiling.spearman(counted['macs'], ms),
        'parameters': ceiling.spearman(counted['params'], ms),
      },
      'repeated_measurement': ceiling.repeated(mean, std),
      'trees': ceiling.trees(encoded[kept], ms),
    }
    print(device, json.dumps(found[device]['calibrated'][50]), flush=True)
  return found


def gpt(rows):
  """The three devices of HW-GPT-Bench."""
  space = hw_gpt.space()
  archs = [hw_gpt.arch(row) for row in rows]
  quantities = footprint.quantities(
    space, archs, (1024,), batch=8, input_dtype='int32'
  )
  encoded = np.array([space.encode(arch) for arch in archs])
  found = {}
  for column, device in _GPT.items():
    kept, ms = calibrate.milliseconds(rows, column, 'latency', 8)
    found[device] = {
      'networks': len(kept),
      'calibrated': _sizes(quantities[kept], ms, device, 'latency'),
      'trees': ceiling.trees(encoded[kept], ms),
    }
    print(device, json.dumps(found[device]['calibrated'][50]), flush=True)
  return found


def transfer(rows, accel_rows):
  """Ranks other families by the RTX 3090's model of the MnasNet space.

  The measurements themselves are not kept: they are others'.
  """
  names, quantities, ms, batches, macs, activations = [], [], [], [], [], []
  for name, side, row in families.measured(rows):
    batch = int(row['infer_batch_size'])
    counted = network.quantities(
      zoo.load(name).build(), (side, side, 3), batch=batch
    )
    names.append(f'{name} {side}')
    quantities.append(counted)
    ms.append(float(row['infer_step_time']) / batch)
    macs.append(float(row['infer_gmacs']))
    activations.append(float(row['infer_macts']))
    batches.append(batch)
  quantities, ms = np.array(quantities), np.array(ms)
  batches = np.array(batches)
  kept, known = calibrate.milliseconds(
    accel_rows, 'throughput_3090.mean', 'throughput', 128
  )
  space = accel_nasbench.space()
  archs = [accel_nasbench.arch(accel_rows[i]) for i in kept]
  measured = footprint.quantities(space, archs, (224, 224, 3), batch=128)
  prior = features.prior(device_lib.load('rtx3090'))
  ranks = []
  for seed in range(_SPLITS.value):
    some = np.random.default_rng(seed).permutation(len(known))[:50]
    prices = calibrate.fit(measured[some], known[some], prior, 'throughput')
    ranks.append(
      ceiling.spearman(calibrate.estimate(quantities, prices) / batches, ms)
    )
  shipped = target_lib.load('rtx3090').model
  estimated = calibrate.estimate(quantities, shipped.prices) / batches
  points = plot.Points(names, ms, estimated)
  return points, {
    'networks': len(names),
    'shipped': ceiling.spearman(estimated, ms),
    'fifty': float(np.median(ranks)),
    'fifty_bad': float(np.percentile(ranks, 5)),
    'MACs': ceiling.spearman(macs, ms),
    'activations': ceiling.spearman(activations, ms),
  }


def main(_):
  """Runs the experiment."""
  data = pathlib.Path(_DATA.value)
  accel_rows = tables.read(str(data / 'accel_nasbench_dev.csv'))
  points, families_of = transfer(
    tables.read(str(data / 'timm_rtx3090_dev.csv')), accel_rows
  )
  results = {
    'splits': _SPLITS.value,
    'accel_nasbench': accel(accel_rows),
    'hw_gpt': gpt(tables.read(str(data / 'hw_gpt_bench_s_dev.csv.gz'))),
    'transfer': families_of,
  }
  files.write(_HERE / 'results.json', json.dumps(results, indent=2) + '\n')
  plot.draw(results, points, _HERE / 'plot.png')


if __name__ == '__main__':
  flags.mark_flag_as_required('data')
  experiment.run(main)
