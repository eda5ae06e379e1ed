"""Times several things in turn, so that a machine's moods hit all alike."""

from collections.abc import Callable, Mapping
import statistics
import time


def medians(
  runs: Mapping[str, Callable[[], object]], repeats: int = 15
) -> dict[str, float]:
  """Runs each once to warm up, then all of them in turn, several times.

  Args:
    runs: Name -> function that returns when its work is done.
    repeats: Rounds that count.

  Returns:
    Name -> the median of its times, in milliseconds.
  """
  times: dict[str, list[float]] = {name: [] for name in runs}
  for run in runs.values():
    run()
  for _ in range(repeats):
    for name, run in runs.items():
      start = time.perf_counter()
      run()
      times[name].append(1e3 * (time.perf_counter() - start))
  return {name: statistics.median(found) for name, found in times.items()}
