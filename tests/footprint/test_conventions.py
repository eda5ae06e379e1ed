"""Parameters by the three conventions, against published figures."""

import pytest

from effnas import footprint, zoo


@pytest.mark.parametrize(
  ('name', 'counts'),
  [
    # TF-slim; timm and torchvision; Keras.
    ('mobilenet_v2', (3_470_760, 3_504_872, 3_538_984)),
    # The survey's companion notebook: total and trainable.
    ('survey_cnn_005', (None, 14_549, 14_713)),
    ('survey_cnn_100', (None, 1_342_122, 1_343_018)),
    # Layer normalisation is no batch normalisation.
    ('deit_tiny', (5_717_416, 5_717_416, 5_717_416)),
  ],
)
def test_published_counts(name, counts):
  published = zoo.load(name)
  found = footprint.parameters(published.build(), published.input_shape)
  for convention, count in zip(
    ('folded', 'trainable', 'kept'), counts, strict=True
  ):
    assert count in (None, found[convention])
