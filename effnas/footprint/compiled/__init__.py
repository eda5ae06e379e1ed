"""What compiling for a target tells that counting cannot.

Device memory as the target's own compiler lays it out, and whether a network
compiles for it and fits into it, without the device: for TPUs by `libtpu`
(`pip install effnas[tpu]`), for NVIDIA GPUs by JAX's CUDA plugin (`pip install
effnas[cuda]`), and for the CPU that is there. It is no latency: a compiler's
own estimate of time ranks networks worse than their MACs do.

Example:
  >>> import tempfile
  >>> from flax import linen
  >>> from effnas.footprint import compiled
  >>> with tempfile.TemporaryDirectory() as folder:
  ...   found = compiled.compile_for(
  ...     linen.Dense(1000), (1280,), 'cpu', cache_folder=folder
  ...   )
  >>> found.argument_bytes == 4 * (1280 * 1000 + 1000 + 1280), found.fits
  (True, True)
"""

from effnas.footprint.compiled.compile import compile_for
from effnas.footprint.compiled.result import Compiled
from effnas.footprint.compiled.target import names

__all__ = ['Compiled', 'compile_for', 'names']
