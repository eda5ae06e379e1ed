"""A user's own NumPy arrays, from one .npz file."""

import pathlib

import numpy as np

from effnas import errors
from effnas.data import dataset, numbers, source

_WHOLE = {'x', 'y'}
_TRAIN = {'x_train', 'y_train'}
_BOTH = _TRAIN | {'x_test', 'y_test'}
_LAYOUTS = ('nhwc', 'nchw')
# Channels that images have as a rule.
_CHANNELS = (1, 3)


def load(
  path: str | None,
  verify: bool,
  *,
  kind: dataset.Kind | None = None,
  layout: str | None = None,
) -> dataset.Raw:
  """Loads the arrays x and y, or x_train, y_train (, x_test, y_test).

  Args:
    path: The .npz file, as `numpy.savez` writes it; objects are refused.
    verify: Not used; there is no official checksum.
    kind: 'image', 'vector' or 'tokens'. Default, from x: (N, H, W, C) and
      uint8 (N, H, W) are images, integers (N, T) wider than a byte are tokens,
      other (N, D) are vectors.
    layout: Order of the axes of images with four: 'nhwc', or 'nchw' where
      channels come before height and width. Default 'nhwc', but arrays that
      look like the other are refused: 1 or 3 channels there, and none at the
      end.

  Returns:
    The arrays, with a test part where the file has one. Labels are whole
    numbers from 0, (N,), or (N, T) for tokens.

  Raises:
    UserError: The file is damaged or its arrays do not fit together.
  """
  del verify
  file = source.given('arrays', path)
  arrays = _read(file)
  if set(arrays) == _WHOLE:
    train, test = (arrays['x'], arrays['y']), None
  elif set(arrays) in (_TRAIN, _BOTH):
    train = arrays['x_train'], arrays['y_train']
    test = None
    if 'x_test' in arrays:
      test = arrays['x_test'], arrays['y_test']
      if test[0].shape[1:] != train[0].shape[1:]:
        raise errors.UserError(
          f'{file}: x_train {train[0].shape} and x_test {test[0].shape} must '
          'agree in all axes but the first'
        )
  else:
    raise errors.UserError(
      f'{file} must hold x and y, or x_train, y_train and, if any, x_test, '
      f'y_test; found {", ".join(sorted(arrays)) or "nothing"}'
    )
  kind = _kind(file, train[0]) if kind is None else kind
  train = _turned(file, train[0], kind, layout), train[1]
  if test is not None:
    test = _turned(file, test[0], kind, layout), test[1]
  parts = [
    dataset.Split(_inputs(file, x, kind), _labels(file, x, y, kind))
    for x, y in ((train,) if test is None else (train, test))
  ]
  return dataset.Raw(
    train=parts[0],
    test=parts[1] if test is not None else None,
    classes=max(int(part.y.max()) for part in parts) + 1,
    kind=kind,
    provenance=source.record(
      [{'file': file.name, 'sha256': source.digest_of(file)}]
    ),
  )


def _read(file: pathlib.Path) -> dict[str, np.ndarray]:
  try:
    with file.open('rb') as stream:
      stored = np.load(stream, allow_pickle=False)
      if isinstance(stored, np.ndarray):
        raise ValueError('it is a single array')
      return {key: stored[key] for key in stored.files}
  except Exception as error:  # a damaged archive makes its readers raise any
    raise errors.UserError(
      f'{file} is no readable .npz file of plain arrays: '
      f'{error or type(error).__name__}'
    ) from error


def _kind(file: pathlib.Path, x: np.ndarray) -> dataset.Kind:
  if x.ndim == 4 or (x.ndim == 3 and x.dtype == np.uint8):
    return 'image'
  if x.ndim == 2:
    wide = x.dtype.kind in 'iu' and x.dtype.itemsize > 1
    return 'tokens' if wide else 'vector'
  raise errors.UserError(
    f'{file}: x must be images (N, H, W, C), vectors (N, D) or tokens (N, T), '
    f'got shape {x.shape}'
  )


def _turned(
  file: pathlib.Path, x: np.ndarray, kind: str, layout: str | None
) -> np.ndarray:
  """Returns images with their channels last, other inputs as they are."""
  if layout not in (None, *_LAYOUTS):
    raise errors.unknown('layout of arrays', layout, _LAYOUTS)
  if kind != 'image' or x.ndim != 4:
    if layout == 'nchw':
      raise errors.UserError(
        f'{file}: layout nchw is for images of four axes, got {kind} inputs '
        f'{x.shape}'
      )
    return x
  if layout == 'nchw':
    return np.moveaxis(x, 1, -1)
  if layout is None and x.shape[1] in _CHANNELS and x.shape[3] > max(_CHANNELS):
    raise errors.UserError(
      f'{file}: images {x.shape} look like (N, channels, height, width); set '
      'layout (--config.data.layout=nchw; nhwc if channels are the last axis)'
    )
  return x


def _inputs(
  file: pathlib.Path, x: np.ndarray, kind: dataset.Kind
) -> np.ndarray:
  axes = {'image': (3, 4), 'vector': (2,), 'tokens': (2,)}
  if kind not in axes:
    raise errors.unknown('kind of arrays', kind, axes)
  if x.ndim not in axes[kind] or not x.size or x.dtype.kind not in 'biuf':
    raise errors.UserError(
      f'{file}: x of shape {x.shape} and type {x.dtype} is no set of '
      f'{kind} inputs'
    )
  if kind == 'image' and x.ndim == 3:
    x = x[..., None]
  return numbers.inputs(x, kind, f'{file}: x')


def _labels(
  file: pathlib.Path, x: np.ndarray, y: np.ndarray, kind: str
) -> np.ndarray:
  if y.ndim == 2 and y.shape[1] == 1 and x.shape[1:] != (1,):
    y = y[:, 0]
  per_token = kind == 'tokens' and y.shape == x.shape
  if y.shape != x.shape[:1] and not per_token:
    raise errors.UserError(
      f'{file}: y must have one label per input, got {y.shape} for {x.shape}'
    )
  return numbers.whole(y, f'{file}: y')
