"""What the core itself offers, through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ganzoo.entries import (
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    ExtractorEntry,
    FigureEntry,
    KindEntry,
    ObjectiveEntry,
    OptimizerEntry,
    PenaltyEntry,
    ReaderEntry,
    ScheduleEntry,
)
from ganzoo.hookspecs import hookimpl

IMAGE: Final = ("image",)

#: The ends of the names of image files, in small letters.
PICTURES: Final = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".avifs"),
    *(".bmp", ".dib", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    *(".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c", ".tga", ".icb", ".vda", ".vst"),
    *(".sgi", ".rgb", ".rgba", ".bw", ".pcx", ".dcx", ".qoi", ".dds", ".ras", ".psd"),
    *(".ico", ".icns", ".xbm", ".xpm", ".im", ".msp", ".fits", ".fit"),
)


#: The extractors that pictures of one and of three channels are compared by. Recipes may look at
#: the first of each; the others are witnesses.
DIGITS: Final = ("mnist-convnet", "mnist-resnet", "mnist-contrast")
PHOTOS: Final = ("cifar-convnet", "cifar-resnet")


@hookimpl
def ganzoo_objectives() -> Iterator[ObjectiveEntry]:
    where = "ganzoo.objectives"
    yield ObjectiveEntry("minimax", f"{where}:Minimax", "the value function of Goodfellow 2014")
    yield ObjectiveEntry("non-saturating", f"{where}:NonSaturating", "Goodfellow 2014, section 3")
    yield ObjectiveEntry("least-squares", f"{where}:LeastSquares", "Mao 2017")
    yield ObjectiveEntry("hinge", f"{where}:Hinge", "Lim and Ye 2017", ("overpowered",))
    name, summary = "wasserstein", "Arjovsky 2017, Gulrajani 2017"
    yield ObjectiveEntry(name, f"{where}:Wasserstein", summary, ("overpowered", "collapsed"))


@hookimpl
def ganzoo_penalties() -> Iterator[PenaltyEntry]:
    where = "ganzoo.penalties"
    yield PenaltyEntry("wgan-gp", f"{where}:wgan_gp", "Gulrajani 2017, equation 3")
    yield PenaltyEntry(
        "r1", f"{where}:r1", "Mescheder 2018, equation 9: on real samples", at="real"
    )
    yield PenaltyEntry("r2", f"{where}:r2", "Mescheder 2018: on fakes", at="fake")


@hookimpl
def ganzoo_optimizers() -> Iterator[OptimizerEntry]:
    where = "ganzoo.training"
    yield OptimizerEntry("adam", f"{where}:adam", "Kingma 2014")
    yield OptimizerEntry("rmsprop", f"{where}:rmsprop", "Tieleman and Hinton 2012")
    yield OptimizerEntry("sgd", f"{where}:sgd", "stochastic gradient descent, with momentum")


@hookimpl
def ganzoo_schedules() -> Iterator[ScheduleEntry]:
    where = "ganzoo.training"
    yield ScheduleEntry("constant", f"{where}:constant", "the learning rates stay")
    yield ScheduleEntry("linear", f"{where}:linear", "both go down to 0 over the run")


@hookimpl
def ganzoo_augmentations() -> Iterator[AugmentationEntry]:
    where, draws = "ganzoo.kinds.image.augment", 3
    for name, summary, adaptive in (
        ("color", "other brightness and contrast", True),
        ("translation", "moved by whole pixels", True),
        ("cutout", "a square is hidden", False),
        ("mirror", "half of them mirrored, left to right", True),
        ("rotation", "turned by a multiple of 90 degrees", True),
        ("scale", "made larger or smaller", True),
    ):
        yield AugmentationEntry(name, f"{where}:{name}", summary, draws, adaptive=adaptive)


@hookimpl
def ganzoo_datasets() -> Iterator[DatasetEntry]:
    named = "ganzoo.kinds.image.named"
    both, train, mnist = ("train", "test"), ("train",), "ylecun/mnist"
    stacked = ("stacked-digits",)
    summary = "70,000 handwritten digits, 28x28 grey"
    yield DatasetEntry("mnist", f"{named}:mnist", summary, both, mnist, DIGITS)
    summary, hub = "70,000 clothes, 28x28", "zalando-datasets/fashion_mnist"
    yield DatasetEntry("fashion-mnist", f"{named}:fashion_mnist", summary, both, hub, DIGITS)
    summary, hub = "60,000 colour pictures, 32x32", "uoft-cs/cifar10"
    yield DatasetEntry("cifar10", f"{named}:cifar10", summary, both, hub, PHOTOS)
    summary = "5,000 digits of mnist:train, no download"
    yield DatasetEntry("mnist-5k", f"{named}:mnist_5k", summary, train, mnist, DIGITS)
    summary = "50,000 images, a digit in each channel: 1,000 modes"
    yield DatasetEntry("stacked-mnist", f"{named}:stacked_mnist", summary, both, mnist, stacked)
    name, summary = "stacked-mnist-5k", "the same from mnist-5k, no download"
    yield DatasetEntry(name, f"{named}:stacked_mnist_5k", summary, train, mnist, stacked)
    points = "ganzoo.kinds.points"
    yield DatasetEntry("ring", f"{points}:ring", "8 Gaussians on a circle, 2-D points")
    yield DatasetEntry("grid", f"{points}:grid", "25 Gaussians on a square grid, 2-D points")


@hookimpl
def ganzoo_readers() -> Iterator[ReaderEntry]:
    files = "ganzoo.kinds.image.files"
    yield ReaderEntry(
        "images",
        f"{files}:images",
        "a picture, or a folder of them; subfolders are classes",
        PICTURES,
        PICTURES,
    )
    yield ReaderEntry("zip", f"{files}:image_zip", "a zip of such a folder", (".zip",))
    arrays = "ganzoo.sources.arrays"
    yield ReaderEntry("npz", f"{arrays}:npz_samples", "an .npz with images or samples", (".npz",))
    yield ReaderEntry("npy", f"{arrays}:npy_samples", "an .npy of them", (".npy",))
    yield ReaderEntry(
        "idx",
        "ganzoo.kinds.image.idx:idx_images",
        "an IDX file, plain or .gz",
        ("-ubyte", "-ubyte.gz", ".idx"),
        begins=(b"\x00\x00\x08",),  # of unsigned bytes
    )


@hookimpl
def ganzoo_kinds() -> Iterator[KindEntry]:
    image = "ganzoo.kinds.image"
    summary, options = "pictures, as a grid in a PNG", f"{image}.options:ImageOptions"
    yield KindEntry("image", f"{image}.kind:Image", summary, options)
    yield KindEntry("points", "ganzoo.kinds.points:Points", "2-D points, as a scatter plot")
    yield KindEntry("array", "ganzoo.kinds:Kind", "anything else, as numbers in an .npz")


@hookimpl
def ganzoo_extractors() -> Iterator[ExtractorEntry]:
    where = "ganzoo.measure.classifiers"
    summary = "128 features of a classifier of digits"
    yield ExtractorEntry("mnist-convnet", f"{where}:MNISTConvNet", summary)
    summary = "96 features of another classifier of digits: a witness"
    yield ExtractorEntry("mnist-resnet", f"{where}:MNISTResNet", summary)
    summary = "96 features that tell digits apart, learned without labels: a witness"
    yield ExtractorEntry("mnist-contrast", f"{where}:MNISTContrast", summary)
    summary = "128 features of a classifier of CIFAR-10"
    yield ExtractorEntry("cifar-convnet", f"{where}:CIFARConvNet", summary)
    summary = "64 features of another classifier of CIFAR-10: a witness"
    yield ExtractorEntry("cifar-resnet", f"{where}:CIFARResNet", summary)
    yield ExtractorEntry(
        "stacked-digits", f"{where}:StackedDigits", "mnist-convnet on each of three channels", IMAGE
    )
    yield ExtractorEntry(
        "inception", "ganzoo.measure.published:Inception", "Inception v3, for published FIDs", IMAGE
    )
    published = "ganzoo.measure.published"
    summary = "CLIP, from a file that is here: --weights FILE"
    yield ExtractorEntry("clip", f"{published}:CLIP", summary)
    summary = "DINOv2, from a file that is here: --weights FILE"
    yield ExtractorEntry("dinov2", f"{published}:DINOv2", summary)
    yield ExtractorEntry(
        "values", "ganzoo.measure.features:Values", "the values of a sample themselves", ()
    )


@hookimpl
def ganzoo_figures() -> Iterator[FigureEntry]:
    where = "ganzoo.measure"
    summary = "whether samples repeat training samples: nearer, copies"
    yield FigureEntry("copying", f"{where}.copying:copying", summary, asked=True)
    summary = "perceptual path length: how evenly samples change"
    yield FigureEntry("ppl", f"{where}.paths:path_lengths", summary, IMAGE, asked=True)
    summary = "classification accuracy score: what a classifier learns from samples"
    yield FigureEntry("cas", f"{where}.usefulness:accuracy", summary, IMAGE, asked=True)


@hookimpl
def ganzoo_commands() -> Iterator[CommandEntry]:
    rooms = ("listing", "models", "samples", "training", "plugins", "benchmark")
    listing, models, samples, training, plugins, bench = (f"ganzoo.cli.{room}" for room in rooms)
    yield CommandEntry("list", f"{listing}:list_", "List models, architectures, data sets.")
    yield CommandEntry("info", f"{listing}:info", "Show options or a model's card.")
    yield CommandEntry("sample", f"{samples}:sample", "Sample from a model into files.")
    yield CommandEntry("interpolate", f"{samples}:interpolate", "A walk from seed to seed.")
    yield CommandEntry("project", f"{samples}:project", "The latent of an image.")
    yield CommandEntry("timelapse", f"{samples}:timelapse", "A run's samples as they became.")
    yield CommandEntry("report", f"{models}:report", "Write a report on a run: one HTML file.")
    yield CommandEntry("evaluate", f"{models}:evaluate", "Measure a model against real data.")
    yield CommandEntry("add", f"{models}:add", "Copy a model into the local registry.")
    yield CommandEntry("remove", f"{models}:remove", "Remove a model from the local registry.")
    yield CommandEntry("publish", f"{models}:publish", "Publish a model to the Hugging Face Hub.")
    yield CommandEntry("train", f"{training}:train", "Train an architecture on data.")
    yield CommandEntry("resume", f"{training}:resume", "Continue a run.")
    yield CommandEntry("bench", f"{bench}:bench", "Measure how fast an architecture trains here.")
    yield CommandEntry("plugins", f"{listing}:plugins", "Show installed and broken plugins.")
    yield CommandEntry("check-plugin", f"{plugins}:check_plugin", "Check a plugin's contract.")
    yield CommandEntry("completion", f"{listing}:completion", "Complete words in your shell.")
    yield CommandEntry("new-plugin", f"{plugins}:new_plugin", "Write a working plugin package.")
