"""Images as the arrays a model wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runner.local.engine.drivers.images import SUFFIXES, read_image
from runner.local.engine.drivers.tables import BadFile
from runner.local.engine.mlmodel import Signature

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def tensor(*shape: int, kind: str = "float32") -> Signature:
    return Signature(tensor_shape=shape, tensor_type=kind, only_mlflow_can_check=True)


def saved(folder: Path, suffix: str = ".png") -> Path:
    path = folder / f"image{suffix}"
    Image.fromarray(PIXELS).save(path)
    return path


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_kind_of_image_is_height_by_width_by_channels(tmp_path: Path, suffix: str) -> None:
    array = read_image(saved(tmp_path, suffix), Signature())
    assert array.shape[:2] == (4, 5)
    assert array.dtype == np.uint8


def test_the_pixels_are_the_images(tmp_path: Path) -> None:
    assert (read_image(saved(tmp_path), Signature()) == PIXELS).all()


def test_a_tensor_signature_gives_the_array_its_shape_and_type(tmp_path: Path) -> None:
    array = read_image(saved(tmp_path), tensor(-1, 4, 5, 3))
    assert array.shape == (1, 4, 5, 3)
    assert array.dtype == np.float32
    assert (array[0] == PIXELS).all()


def test_an_image_of_another_shape_says_both(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as raised:
        read_image(saved(tmp_path), tensor(-1, 28, 28))
    assert str(raised.value) == ("is an image of shape (4, 5, 3), and the model wants (-1, 28, 28)")


@pytest.mark.parametrize("keep", [0, 10, 45])
def test_a_broken_image_is_a_bad_file(tmp_path: Path, keep: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadFile, match="is not a readable image: "):
        read_image(path, Signature())


def test_an_image_too_large_to_be_one_is_a_bad_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    with pytest.raises(BadFile, match="decompression bomb"):
        read_image(path, Signature())
