"""Weights files: read, or refused by name."""

import pytest

from effnas import errors
from effnas.recipe import artefact


@pytest.mark.parametrize('data', [b'', b'\xff' * 16, b'no weights'])
def test_a_file_of_no_weights_is_refused_by_name(tmp_path, data):
  path = tmp_path / 'mine.safetensors'
  path.write_bytes(data)
  said = f'^{path}: not a weights file '
  with pytest.raises(errors.UserError, match=said):
    artefact.read(path)
