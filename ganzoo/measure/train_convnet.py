"""Train a network whose features samples are judged by, and write it with its own accuracy.

    python -m ganzoo.measure.train_convnet mnist-convnet --data mnist:test --judge mnist-5k
    python -m ganzoo.measure.train_convnet mnist-resnet --data mnist:test --judge mnist-5k \
        --architecture resnet --seed 1
    python -m ganzoo.measure.train_convnet mnist-contrast --data mnist:test --judge mnist-5k \
        --architecture convmixer --task contrast --seed 2

The weights that come with ganzoo were trained so; docs/quality.md has all the commands. They are
written into the current folder, in half precision; the accuracy is that on the data of --judge,
which is not trained on. Pictures are turned, shifted, scaled and blurred a little on the way, so
that one that was scaled up from fewer pixels is not a stranger.

With --task contrast the features are learned without labels, and only the last layer sees those.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.reading import read_all
from ganzoo.errors import GanzooError
from ganzoo.files import umask
from ganzoo.kinds.image.fit import fit_images
from ganzoo.measure.classifiers import ClassifierRecord
from ganzoo.measure.learning import BATCH, TASKS, accuracy_of
from ganzoo.measure.networks import NETWORKS, SIZE
from ganzoo.sources.find import find_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="of the extractor; also that of the file")
    parser.add_argument("--data", required=True, help="to train on: as ganzoo train takes it")
    parser.add_argument("--judge", required=True, help="to measure the accuracy on")
    parser.add_argument("--architecture", choices=NETWORKS, default="convnet")
    parser.add_argument("--task", choices=TASKS, default="classes")
    parser.add_argument("--width", type=_positive, help="a fourth of the features")
    parser.add_argument("--epochs", type=_positive, default=20)
    parser.add_argument("--mirror", action="store_true", help="mirror half of the pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(), help="the folder for NAME.safetensors")
    options = parser.parse_args()
    path = options.out / f"{options.name}.safetensors"
    if path.exists():
        sys.exit(f"Error: {path} exists already; choose another name or --out")
    torch.manual_seed(options.seed)
    try:
        data, judge = _read(options.data), _read(options.judge)
        _check_alike(data, judge)
        options.out.mkdir(parents=True, exist_ok=True)
    except GanzooError as error:
        sys.exit(f"Error: {error}")
    except OSError as error:
        sys.exit(f"Error: --out {options.out}: {error}")
    width = {} if options.width is None else {"width": options.width}
    network = NETWORKS[options.architecture](data.spec.shape[0], len(data.classes), **width)
    network.to(memory_format=torch.channels_last)
    TASKS[options.task](network, *_tensors(data), options.epochs, options.mirror)
    accuracy = accuracy_of(network, *_tensors(judge))
    print(f"{options.name}: {accuracy:.4f} of {len(judge)} in {options.judge}", file=sys.stderr)
    record = ClassifierRecord(
        architecture=options.architecture,
        task=options.task,
        channels=network.channels,
        classes=data.classes,
        width=network.width,
        accuracy=round(accuracy, 4),
        judged_on=Path(options.judge).name,
        judged=len(judge),
        trained_on=Path(options.data).name,
        epochs=options.epochs,
        seed=options.seed,
    )
    # Half precision moves features by less than a thousandth, and the file is half as large.
    weights = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }
    save_file(weights, path, metadata={"format": "pt", "ganzoo": record.model_dump_json()})
    path.chmod(0o666 & ~umask())  # the library's file is for its owner alone
    print(path)


def _tensors(data: Dataset) -> tuple[Tensor, Tensor]:
    images, labels = data.samples, data.labels
    assert isinstance(images, Tensor)
    assert labels is not None
    return images, labels


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return value


def _check_alike(data: Dataset, judge: Dataset) -> None:
    """Raise GanzooError where a classifier of one cannot be judged by the other."""
    for what, ours, theirs in (
        ("channels", data.spec.shape[0], judge.spec.shape[0]),
        ("classes", data.classes, judge.classes),
    ):
        if ours != theirs:
            raise GanzooError(f"--data has the {what} {ours}, and --judge {theirs}")


def _read(source: str) -> Dataset:
    dataset = find_dataset(source)
    if dataset.kind != "image" or dataset.labels is None or len(dataset) < BATCH:
        raise GanzooError(
            f"{source}: {len(dataset)} samples of kind {dataset.kind}, "
            f"{'without' if dataset.labels is None else 'with'} labels; it takes at least {BATCH} "
            "images with labels"
        )
    return read_all(fit_images(dataset, SIZE, dataset.spec.shape[0]))


if __name__ == "__main__":
    main()
