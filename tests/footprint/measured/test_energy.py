"""Energy counters against a made-up sysfs folder and a made-up NVML."""

import types

import pytest

from effnas.footprint.measured import energy


@pytest.fixture
def zone(tmp_path):
  def write(folder, name, joules, size=100):
    path = tmp_path / folder
    path.mkdir(exist_ok=True)
    (path / 'name').write_text(f'{name}\n')
    (path / 'energy_uj').write_text(f'{round(joules * 1e6)}\n')
    (path / 'max_energy_range_uj').write_text(f'{size * 10**6}\n')

  return write


@pytest.fixture(autouse=True)
def instant(monkeypatch):
  monkeypatch.setattr(energy, 'SHORTEST_SECONDS', 0.0)


def test_rapl_adds_packages_and_memory_and_unwraps_each(zone, tmp_path):
  zone('intel-rapl:0', 'package-0', 99)
  zone('intel-rapl:0:0', 'core', 5)  # part of the package
  zone('intel-rapl:0:1', 'dram', 3)
  zone('intel-rapl:1', 'package-1', 20)
  zone('intel-rapl:2', 'psys', 7)  # all of them again
  zone('intel-rapl-mmio:0', 'package-0', 99)  # the first once more
  counter = energy.rapl(tmp_path)
  assert counter.name == 'RAPL: package-0, dram, package-1'
  with energy.section(counter) as used:
    zone('intel-rapl:0', 'package-0', 4)  # 5 J, over the end of its range
    zone('intel-rapl:0:0', 'core', 50)
    zone('intel-rapl:0:1', 'dram', 3.5)
    zone('intel-rapl:1', 'package-1', 22)
    zone('intel-rapl:2', 'psys', 70)
  assert used.joules == pytest.approx(5 + 0.5 + 2)
  assert used.counter == counter.name


def test_without_a_readable_counter_there_is_no_figure(zone, tmp_path):
  assert energy.rapl(tmp_path) is None
  assert energy.rapl(tmp_path / 'absent') is None
  zone('intel-rapl:0', 'package-0', 1)
  counter = energy.rapl(tmp_path)
  (tmp_path / 'intel-rapl:0' / 'energy_uj').unlink()
  with energy.section(counter) as used:
    pass
  assert (used.joules, used.counter) == (None, None)
  assert energy.rapl(tmp_path) is None
  assert energy.counter('tpu') is None


def test_a_section_too_short_or_without_use_has_no_figure(
  zone, tmp_path, monkeypatch
):
  zone('intel-rapl:0', 'package-0', 1)
  counter = energy.rapl(tmp_path)
  with energy.section(counter) as still:
    pass
  monkeypatch.setattr(energy, 'SHORTEST_SECONDS', 60.0)
  with energy.section(counter) as short:
    zone('intel-rapl:0', 'package-0', 2)
  assert still.joules is None
  assert short.joules is None


class FakeNvml:
  """As many GPUs as names; GPU i has used i * 1000 J."""

  def __init__(self, *names):
    self.names = names
    self.more = 0

  def nvmlInit(self):
    pass

  def nvmlDeviceGetCount(self):
    return len(self.names)

  def nvmlDeviceGetHandleByIndex(self, index):
    return index

  def nvmlDeviceGetHandleByUUID(self, uuid):
    return int(uuid.split('-')[1])

  def nvmlDeviceGetName(self, handle):
    return self.names[handle]

  def nvmlDeviceGetTotalEnergyConsumption(self, handle):
    return handle * 10**6 + self.more


@pytest.fixture(autouse=True)
def all_gpus(monkeypatch):
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
  monkeypatch.delenv('CUDA_DEVICE_ORDER', raising=False)


def test_nvml_counts_millijoules():
  library = FakeNvml('a')
  with energy.section(energy.nvml(0, library)) as used:
    library.more = 2500
  assert used.joules == pytest.approx(2.5)
  assert used.counter.startswith('NVML')


@pytest.mark.parametrize(
  ('visible', 'order', 'names', 'joules'),
  [
    (None, None, 'aa', 1000),
    (None, None, 'ab', None),  # CUDA puts the fastest first
    (None, 'PCI_BUS_ID', 'ab', 1000),
    ('2,3', None, 'aaaa', 3000),
    ('GPU-7,GPU-5', None, 'ab', 5000),
    ('MIG-1,MIG-2', None, 'a', None),
    ('0', None, 'a', None),  # there is no second one
  ],
)
def test_nvml_counts_the_gpu_that_jax_uses(
  monkeypatch, visible, order, names, joules
):
  if visible:
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
  if order:
    monkeypatch.setenv('CUDA_DEVICE_ORDER', order)
  counter = energy.nvml(1, FakeNvml(*names))
  assert (counter and counter.read()[0]) == joules


def test_nvml_without_driver_or_counter():
  def fail(*_):
    raise RuntimeError('not supported')

  broken = types.SimpleNamespace(nvmlInit=fail)
  assert energy.nvml(0, broken) is None
  old = FakeNvml('a')
  old.nvmlDeviceGetTotalEnergyConsumption = fail
  assert energy.nvml(0, old) is None
