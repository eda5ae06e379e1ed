"""Tiny Shakespeare: 1,115,394 characters of his plays, to predict the next.

There is no official split: the parts are runs of the text, training first,
then validation, then test.

Reference:
  Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015;
  the text is that of https://github.com/karpathy/char-rnn.
"""

import hashlib

import numpy as np

from effnas import errors
from effnas.data import dataset, source

_TEXT = source.Official(
  'input.txt',
  'https://raw.githubusercontent.com/karpathy/char-rnn/master/data/'
  'tinyshakespeare/input.txt',
  '86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed',
)


def load(path: str | None, verify: bool, *, length: int = 64) -> dataset.Raw:
  """Loads the text as tokens, one for each of its 65 different characters.

  Args:
    path: The text, or the folder of `input.txt`.
    verify: Whether a checksum that differs from the official one stops.
    length: Tokens of an input. Inputs are windows of the text that do not
      overlap; a rest that fills none is left out.

  Returns:
    int32 tokens x (N, length) with the next tokens y (N, length). Token i is
    the i-th of the provenance's 'characters', which are in the order of their
    codes.

  Raises:
    UserError: The text is missing and cannot be downloaded, is too short, or
      differs from the official one.
  """
  if not isinstance(length, int) or isinstance(length, bool) or length < 1:
    raise errors.UserError(
      f'length must be a number of characters, got {length!r}'
    )
  file = source.folder('tiny_shakespeare', path)
  if not file.is_file():
    file = source.obtain(_TEXT, file / _TEXT.name, verify)
  data = file.read_bytes()
  digest = hashlib.sha256(data).hexdigest()
  checked = source.check(file, digest, _TEXT.sha256, verify)
  windows = (len(data) - 1) // length
  if windows < 3:
    raise errors.UserError(
      f'{file} has {len(data)} characters; three parts of windows of {length} '
      f'take {3 * length + 1} or more'
    )
  characters, tokens = np.unique(
    np.frombuffer(data, np.uint8), return_inverse=True
  )
  tokens = tokens.astype(np.int32)
  size = windows * length
  return dataset.Raw(
    train=dataset.Split(
      tokens[:size].reshape(windows, length),
      tokens[1 : size + 1].reshape(windows, length),
    ),
    test=None,
    classes=len(characters),
    kind='tokens',
    provenance=source.record(
      [checked],
      url=_TEXT.url,
      characters=bytes(characters.tolist()).decode('latin-1'),
    ),
    sequential=True,
  )
