"""How picture files become samples: size, colour, transparency, the camera's turn."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from ganzoo.data.reading import read_all
from ganzoo.kinds.image.fit import fit_images
from ganzoo.sources.find import find_dataset
from ganzoo.sources.given import from_tensor


def test_a_folder_of_other_sizes_and_colours_is_fitted(tmp_path):
    Image.new("RGB", (90, 50), (255, 0, 0)).save(tmp_path / "a.png")
    Image.new("L", (40, 40), 128).save(tmp_path / "b.jpg")
    Image.new("RGBA", (33, 70), (0, 0, 255, 255)).save(tmp_path / "c.webp", lossless=True)
    Image.fromarray(np.full((64, 64), 65535, np.uint16)).save(tmp_path / "d.png")
    dataset = find_dataset(str(tmp_path))
    assert dataset.labels is None
    colour = read_all(fit_images(dataset, 32, 3)).samples
    assert colour.shape == (4, 3, 32, 32)
    assert colour[0, :, 16, 16].tolist() == [255, 0, 0]
    assert colour[2, :, 16, 16].tolist() == [0, 0, 255]
    assert colour[3].min() == 255
    grey = read_all(fit_images(dataset, 16, 1)).samples
    assert grey[:, 0, 8, 8].tolist() == [76, 128, 29, 255]


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    picture = Image.new("L", (64, 48), 0)
    picture.paste(255, (0, 0, 64, 24))
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter to the right
    picture.save(tmp_path / "a.jpg", exif=turned)
    picture.save(tmp_path / "b.png", exif=turned)
    picture.save(tmp_path / "c.jpg", exif=b"Exif\0\0 nonsense")
    images = read_all(fit_images(find_dataset(str(tmp_path)), 16, 1)).samples[:, 0]
    assert (images[:2, :, 12] > 250).all()
    assert (images[:2, :, 3] < 5).all()
    assert (images[2, 3] > 250).all()


def test_transparent_pixels_are_white(tmp_path):
    Image.new("RGBA", (16, 16), (200, 0, 0, 0)).save(tmp_path / "a.png")
    Image.new("LA", (16, 16), (0, 0)).save(tmp_path / "b.png")
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 90, 0, 0])
    palette.save(tmp_path / "c.png", transparency=1)
    Image.new("L", (16, 16), 7).save(tmp_path / "d.png", transparency=7)
    Image.new("RGBA", (16, 16), (200, 0, 0, 255)).save(tmp_path / "e.png")
    images = read_all(fit_images(find_dataset(str(tmp_path)), 16, 3)).samples
    assert images[:4].unique().tolist() == [255]
    assert images[4, :, 8, 8].tolist() == [200, 0, 0]


def test_a_folder_is_in_colour_where_not_only_its_first_image_is(tmp_path):
    for number in range(150):
        mode = "RGB" if number == 76 else "LA" if number % 2 else "L"
        Image.new(mode, (9, 8)).save(tmp_path / f"{number:03}.png")
    assert find_dataset(str(tmp_path)).spec.shape == (3, 8, 8)
    (tmp_path / "076.png").write_bytes(b"")
    assert find_dataset(str(tmp_path)).spec.shape == (1, 8, 8)


def test_a_picture_of_extreme_shape_takes_little_memory(tmp_path):
    Image.new("L", (60_000, 2), 200).save(tmp_path / "a.png")
    fitted = read_all(fit_images(find_dataset(str(tmp_path)), 512, 1)).samples
    assert fitted.shape == (1, 1, 512, 512)
    wide = fit_images(from_tensor(torch.full((3, 1, 2, 60_000), 200, dtype=torch.uint8)), 256, 1)
    assert wide.samples.unique().tolist() == [200]
