"""How picture files become samples: size, colour, transparency, the camera's turn."""

from __future__ import annotations

import contextlib
import struct
import zlib

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.data.reading import read_all
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds.image.fit import fit_images
from ganzoo.kinds.image.options import as_size
from ganzoo.kinds.image.stored import Sieve, in_folder
from ganzoo.kinds.image.survey import flags_of, survey
from ganzoo.sources.find import find_dataset
from ganzoo.sources.given import from_tensor
from ganzoo.sources.options import make_data


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


def noise(size: tuple[int, int], high: int, kind: type = np.uint16) -> np.ndarray:
    """Height x width values from 0 to `high`, both among them."""
    values = np.random.default_rng(high % 1000).integers(0, high + 1, size).astype(kind)
    values.flat[0], values.flat[1] = 0, high
    return values


@pytest.mark.parametrize(
    ("end", "values", "low", "high"),
    [
        ("png", noise((8, 8), 4095), 0, 4095),
        ("tif", noise((8, 8), 1000), 0, 1000),
        ("tif", noise((8, 8), 2**30, np.int32), 0, 2**30),
        ("tif", noise((8, 8), 100, np.float32) / 100 - 0.5, -0.5, 0.5),
        ("png", noise((8, 8), 65535), 0, 65535),
        ("pgm", noise((8, 8), 65535), 0, 65535),
    ],
)
def test_more_than_8_bits_are_scaled_by_what_the_data_have(end, values, low, high, tmp_path):
    Image.fromarray(values).save(tmp_path / f"a.{end}")
    Image.fromarray(values[::-1].copy()).save(tmp_path / f"b.{end}")
    told = f"2 of 2 images have more than 8 bits a channel: {low:g} is taken as black and {high}"
    with contextlib.nullcontext() if high == 65535 else pytest.warns(GanzooWarning, match=told):
        dataset = find_dataset(str(tmp_path))
    expected = ((values.astype(np.float64) - low) * (255 / (high - low))).round()
    assert np.array_equal(read_all(dataset).samples[0, 0].numpy(), expected)
    assert dataset.details == {"levels": [low, high]}
    options = make_data({"source": str(tmp_path), "levels": [low, 2 * high - low]})
    assert 126 <= read_all(find_dataset(options)).samples.max() <= 128


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write in colour."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_in_colour_and_with_transparency(channels, tmp_path):
    values = noise((6, 6, channels), 4095)
    values[1, 1], values[2, 2] = 0, 4095
    if channels in (2, 4):
        values[..., -1] = 65535
        values[0, 0, -1] = 0
    (tmp_path / "a.png").write_bytes(png16(values))
    with pytest.warns(GanzooWarning, match="0 is taken as black and 4095 as white"):
        dataset = find_dataset(str(tmp_path))
    colours = 1 if channels < 3 else 3
    samples = read_all(dataset).samples[0]
    expected = (values[..., :colours] * (255 / 4095)).round().transpose(2, 0, 1)
    if channels in (2, 4):
        assert (samples[:, 0, 0] == 255).all()
        expected[:, 0, 0] = 255
    assert np.array_equal(samples.numpy(), expected)
    if channels == 4:
        whole = read_all(fit_images(dataset, 6, 4)).samples[0]
        assert whole[3, 0, 0] == 0 and whole[3].float().mean() > 240


def test_16_bits_in_colour_of_a_tiff(tmp_path):
    values = noise((4, 4, 3), 4095)
    data = values.astype("<u2").tobytes()
    tags = [(256, 4), (257, 4), (258, 8), (259, 1), (262, 2), (273, 8 + 8), (277, 3), (278, 4)]
    tags.append((279, len(data)))
    entries = b"".join(
        struct.pack("<HHII", tag, 3, 3, 8) if tag == 258 else struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in tags
    )
    depths = struct.pack("<4H", 16, 16, 16, 0)
    begin = 16 + len(data)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    content = b"II*\0" + struct.pack("<I", begin) + depths + data + directory
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.warns(GanzooWarning, match="0 is taken as black and 4095 as white"):
        samples = read_all(find_dataset(str(tmp_path))).samples[0]
    assert np.array_equal(samples.numpy(), (values * (255 / 4095)).round().transpose(2, 0, 1))


def test_values_that_are_not_finite_are_told(tmp_path):
    for number in range(3):
        values = noise((8, 8), 100, np.float32)
        values[3, 3] = np.nan if number == 1 else 50
        Image.fromarray(values).save(tmp_path / f"{number}.tif")
    with pytest.warns(GanzooWarning) as told:
        assert len(read_all(find_dataset(str(tmp_path)))) == 2
    assert "1.tif (pixels that are not finite" in str(told[-1].message)


@pytest.mark.parametrize("end", ["gif", "webp", "png", "tif"])
def test_of_an_animation_the_first_frame_is_taken_and_told(end, tmp_path):
    frames = [Image.new("L", (8, 8), level).convert("RGB") for level in (40, 90, 200)]
    options = {"lossless": True} if end == "webp" else {}
    path = tmp_path / f"a.{end}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    with pytest.warns(GanzooWarning, match="1 of 1 images have several frames or pages"):
        assert read_all(find_dataset(str(tmp_path))).samples.unique().tolist() == [40]


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr", "LA", "PA", "I;16"])
def test_pictures_of_every_mode(mode, tmp_path):
    if mode == "I;16":
        picture = Image.fromarray(np.full((8, 8), 65535, np.uint16))
    else:
        picture = Image.new("RGB", (8, 8), "white").convert(mode)
    end = "tif" if mode in ("CMYK", "YCbCr", "PA", "I;16") else "png"
    if mode == "YCbCr":  # Pillow before 13 cannot read the TIFF that it writes
        end = "tif" if int(PIL.__version__.split(".")[0]) >= 13 else "jpg"
    if mode == "PA":
        picture, end = picture.convert("RGBA"), "png"
    picture.save(tmp_path / f"a.{end}")
    assert read_all(find_dataset(str(tmp_path))).samples.min() >= 254


def striped(size: tuple[int, int]) -> Image.Image:
    """Red, white, blue from left to right."""
    width, height = size
    picture = Image.new("RGB", size, "white")
    picture.paste("red", (0, 0, width // 3, height))
    picture.paste("blue", (width - width // 3, 0, width, height))
    return picture


@pytest.mark.parametrize("source", ["files", "tensor", "items"])
@pytest.mark.parametrize(
    ("fit", "size", "left", "top"),
    [
        ("crop", 16, [255, 255, 255], [255, 255, 255]),
        ("stretch", 16, [255, 0, 0], [255, 255, 255]),
        ("pad", 16, [255, 0, 0], [0, 0, 0]),
        ("crop", (16, 48), [255, 0, 0], [255, 255, 255]),
    ],
)
def test_what_becomes_of_another_shape(source, fit, size, left, top, tmp_path):
    picture = striped((90, 30))
    if source == "files":
        picture.save(tmp_path / "a.png")
        dataset = find_dataset(str(tmp_path))
    elif source == "tensor":
        dataset = from_tensor(torch.from_numpy(np.array(picture))[None])
    else:
        dataset = ganzoo.from_dataset([{"image": picture}])
    samples = read_all(fit_images(dataset, size, 3, fit)).samples[0]
    _, height, width = samples.shape
    assert samples[:, height // 2, 0].tolist() == left
    assert samples[:, 0, width // 2].tolist() == top


def test_the_size_is_the_median_of_all(tmp_path):
    for number, side in enumerate((100, 30, 32, 31, 4)):
        Image.new("L", (side, side + 1)).save(
            tmp_path / f"{number}.{'png' if side > 31 else 'jpg'}"
        )
    (tmp_path / "5.png").write_bytes(b"broken")
    assert find_dataset(str(tmp_path)).spec.shape == (1, 31, 31)


@pytest.mark.parametrize(
    ("name", "size", "shape"),
    [
        ("dcgan", "48x64", (3, 48, 64)),
        ("wgan-gp", "24x16", (3, 24, 16)),
        ("vanilla", (7, 9), (3, 7, 9)),
        ("sngan", "16x32", (3, 16, 32)),
        ("ebgan", "32x48", (3, 32, 48)),
        ("r3gan", "32x16", (3, 32, 16)),
        ("projection", "16x48", (3, 16, 48)),
        ("acgan", "48x48", (3, 48, 48)),
        ("biggan", "16x32", (3, 16, 32)),
    ],
)
def test_rectangles_train_and_are_loaded(name, size, shape, tmp_path):
    data = torch.randint(0, 256, (8, 3, 60, 80), dtype=torch.uint8)
    small = {"training.batch_size": 4, "data.fit": "stretch"}
    small |= {"widths": [4]} if name == "vanilla" else {"width": 16 if name == "r3gan" else 4}
    labels = [0, 1] * 4
    out = tmp_path / "run"
    run = ganzoo.train(name, data, labels=labels, image_size=size, steps=1, settings=small, out=out)
    assert run.config.data.others["image_size"] == as_size(*shape[1:])
    model = ganzoo.load(run)
    assert tuple(model.sample(2).shape) == (2, *shape)
    assert model.to_images(1)[0].size == (shape[2], shape[1])
    assert model.spec.details == {"fit": "stretch"}


@pytest.mark.parametrize(("name", "size"), [("dcgan", "40x64"), ("sngan", "16x144"), ("dcgan", 28)])
def test_sizes_that_an_architecture_cannot_do(name, size):
    data = torch.zeros(8, 3, 64, 64, dtype=torch.uint8)
    with pytest.raises(GanzooError, match=r"it can make squares of .*multiples of 16, up to"):
        ganzoo.train(name, data, image_size=size)


@pytest.mark.parametrize("size", ["0x4", "4x", "5000", "a", True])
def test_sizes_that_are_none(size):
    with pytest.raises(GanzooError, match=r"image_size=.*It takes an integer.* or HxW"):
        make_data({"image_size": size})


@pytest.mark.parametrize("last", [True, False])
def test_other_numbers_of_channels(last, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (8, 9, 9, 4), np.uint8)
    np.save(tmp_path / "a.npy", values if last else values.transpose(0, 3, 1, 2))
    with pytest.raises(GanzooError, match=r"data.channels=4"):
        find_dataset(str(tmp_path / "a.npy"))
    dataset = find_dataset(make_data({"source": str(tmp_path / "a.npy"), "channels": 4}))
    assert np.array_equal(dataset.samples.numpy(), values.transpose(0, 3, 1, 2))
    run = ganzoo.train(
        "vanilla",
        tmp_path / "a.npy",
        steps=1,
        settings={"widths": [4], "data.channels": 4, "training.batch_size": 4},
        out=tmp_path / "run",
    )
    model = ganzoo.load(run)
    assert model.to_images(1)[0].mode == "RGBA"
    for end in ("png", "jpg", "webp"):
        model.save_samples(model.sample(4), tmp_path / f"x.{end}")


def test_a_picture_that_would_unpack_to_gigabytes_is_refused(tmp_path):
    def bomb(width: int, height: int) -> bytes:
        head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
        chunk = struct.pack(">I", 13) + b"IHDR" + head
        return (
            b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + b"x" * 50
        )

    for name, width in (("a", 13_000), ("b", 60_000)):
        (tmp_path / f"{name}.png").write_bytes(bomb(width, width))
    with pytest.raises(GanzooError, match=r"a.png \(13000x13000 pixels are too many"):
        find_dataset(str(tmp_path))
    Image.new("L", (8, 8)).save(tmp_path / "c.png")
    with pytest.warns(GanzooWarning, match=r"2 of 3 samples cannot be read.*too many"):
        assert len(read_all(find_dataset(str(tmp_path)))) == 1


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + bytes(9000)}]
)
def test_headers_that_are_read_here_say_what_pillow_says(mode, options, tmp_path):
    picture = Image.effect_noise((70, 33), 60).convert("RGB").convert(mode)
    picture.save(tmp_path / "a.jpg", **options)
    found = survey(in_folder(tmp_path, Sieve((".jpg",))))
    with Image.open(tmp_path / "a.jpg") as image:
        expected = (*image.size, flags_of(image))
    assert (found.widths[0], found.heights[0], found.flags[0]) == expected
