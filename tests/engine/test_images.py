"""Images as the arrays a model wants."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.formats import FORMATS, cut
from runner.engine.drivers.images import read_image, read_image_as, read_image_feed
from runner.engine.mlmodel import Tensor

ENDINGS = sorted(name for name, form in FORMATS.items() if form.feed is read_image_feed)
PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def saved(folder: Path, suffix: str = ".png", pixels: Any = PIXELS) -> Path:
    path = folder / f"image{suffix}"
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("suffix", ENDINGS)
def test_every_kind_of_image_is_height_by_width_by_channels(tmp_path: Path, suffix: str) -> None:
    array = read_image(saved(tmp_path, suffix))
    assert array.shape[:3] == (1, 4, 5)
    assert array.dtype == np.uint8


def test_the_pixels_are_the_images(tmp_path: Path) -> None:
    assert (read_image(saved(tmp_path))[0] == PIXELS).all()


def test_sixteen_bit_grey_keeps_its_low_bytes_without_a_signature_as_on_azure(
    tmp_path: Path,
) -> None:
    pixels = np.array([[1, 258], [65535, 256]], dtype=np.uint16)
    assert read_image(saved(tmp_path, pixels=pixels)).tolist() == [[[1, 2], [255, 0]]]


def test_a_tensor_signature_gives_the_array_its_shape_and_type(tmp_path: Path) -> None:
    array = read_image_as(saved(tmp_path), Tensor((-1, 4, 5, 3), "float32"))
    assert array.shape == (1, 4, 5, 3)
    assert array.dtype == np.float32
    assert (array[0] == PIXELS).all()


def test_a_tensor_of_any_size_is_given_the_picture_as_it_is(tmp_path: Path) -> None:
    pixels = np.array([[1, 258], [65535, 256]], dtype=np.uint16)
    array = read_image_as(saved(tmp_path, pixels=pixels), Tensor((-1,), "object"))
    assert array.shape == (1,)
    assert array[0].dtype == np.uint16
    assert (array[0] == pixels).all()


def test_a_tensor_of_any_size_that_holds_no_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as raised:
        read_image_as(saved(tmp_path), Tensor((-1,), "float64"))
    assert str(raised.value) == (
        "is an image, and the model wants shape (-1,) of type float64: an image takes type object"
        " there"
    )


def test_an_array_may_be_changed_by_the_model(tmp_path: Path) -> None:
    read_image(saved(tmp_path))[:] = 0
    read_image_as(saved(tmp_path), Tensor((-1,), "object"))[0][:] = 0


def test_an_image_of_another_shape_says_both(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as raised:
        read_image_as(saved(tmp_path), Tensor((-1, 28, 28), "float32"))
    assert str(raised.value) == ("is an image of shape (4, 5, 3), and the model wants (-1, 28, 28)")


@pytest.mark.parametrize("keep", [0, 10, 45])
def test_a_broken_image_is_a_bad_file(tmp_path: Path, keep: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadFile, match="is not a readable image: "):
        read_image(path)


@given(
    suffix=st.sampled_from(ENDINGS),
    keep=st.floats(0, 1),
    change=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1))),
)
@settings(deadline=None, max_examples=60)
def test_whatever_befalls_an_images_bytes_it_is_read_or_is_a_bad_file_in_one_line(
    suffix: str, keep: float, change: list[tuple[float, bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = saved(Path(folder), suffix)
        content = bytearray(path.read_bytes())
        for place, put in change:
            at = int(place * len(content))
            content[at : at + len(put)] = put
        path.write_bytes(content[: int(keep * len(content))])
        said = ""
        try:
            assert read_image(path).dtype == np.uint8
        except BadFile as error:
            said = str(error)
        assert "\n" not in said


def test_an_image_too_large_to_be_one_is_a_bad_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    with pytest.raises(BadFile, match="decompression bomb"):
        read_image(path)


def test_an_image_is_never_cut_however_large_it_is(tmp_path: Path) -> None:
    assert list(cut(saved(tmp_path, ".bmp"), size=1)) == []
