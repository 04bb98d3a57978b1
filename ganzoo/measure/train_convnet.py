"""Train a classifier that samples are judged by, and write it with its own accuracy.

    python -m ganzoo.measure.train_convnet mnist-convnet --data mnist:test --judge mnist-5k
    python -m ganzoo.measure.train_convnet cifar-convnet --data cifar10-train.zip \
        --judge cifar10-test.zip --mirror --epochs 12

The weights that come with ganzoo were trained so, those of CIFAR-10 on JPEG files of it. They are
written into the current folder; the accuracy is that on the data of --judge, which is not trained
on. Pictures are turned, shifted, scaled and blurred a little on the way, so that one that was
scaled up from fewer pixels is not a stranger.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.reading import read_all
from ganzoo.errors import GanzooError
from ganzoo.files import umask
from ganzoo.kinds.image.fit import fit_images
from ganzoo.measure.classifiers import SIZE, ClassifierRecord, ConvNet
from ganzoo.sources.find import find_dataset

BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="of the extractor; also that of the file")
    parser.add_argument("--data", required=True, help="to train on: as ganzoo train takes it")
    parser.add_argument("--judge", required=True, help="to measure the accuracy on")
    parser.add_argument("--width", type=_positive, default=32, help="a fourth of the features")
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
    network = ConvNet(data.spec.shape[0], len(data.classes), options.width)
    network.to(memory_format=torch.channels_last)
    train(network, data, options.epochs, options.mirror)
    accuracy = accuracy_of(network, judge)
    print(f"{options.name}: {accuracy:.4f} of {len(judge)} in {options.judge}", file=sys.stderr)
    record = ClassifierRecord(
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
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, path, metadata={"format": "pt", "ganzoo": record.model_dump_json()})
    path.chmod(0o666 & ~umask())  # the library's file is for its owner alone
    print(path)


def train(network: ConvNet, data: Dataset, epochs: int, mirror: bool) -> None:
    """Adam with one cycle of the learning rate, on distorted pictures."""
    images, labels = data.samples, data.labels
    assert isinstance(images, Tensor)
    assert labels is not None
    per_epoch = len(images) // BATCH
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * per_epoch)
    network.train()
    began = time.perf_counter()
    for epoch in range(epochs):
        total = torch.zeros(())
        for batch in torch.randperm(len(images)).split(BATCH)[:per_epoch]:
            shown = distort(images[batch].float(), mirror).contiguous(
                memory_format=torch.channels_last
            )
            with torch.autocast("cpu", torch.bfloat16):
                _, logits = network(shown)
            loss = F.cross_entropy(logits.float(), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        seconds = time.perf_counter() - began
        print(f"epoch {epoch + 1}: {total / per_epoch:.4f}, {seconds:.0f} s", file=sys.stderr)
    network.eval()


def distort(images: Tensor, mirror: bool) -> Tensor:
    """Turned by up to 10 degrees, scaled and shifted by a tenth, a third of them blurred."""
    count = len(images)
    angle = (torch.rand(count) * 2 - 1) * math.radians(10)
    scale = 1 + (torch.rand(count) * 2 - 1) / 10
    shift = (torch.rand(count, 2) * 2 - 1) / 10
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
    if mirror:
        turn[:, :, 0] *= torch.where(torch.rand(count) < 0.5, -1.0, 1.0)[:, None]
    matrix = torch.cat([turn * scale[:, None, None], shift[:, :, None]], 2)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    turned = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    side = int(torch.randint(SIZE // 2, SIZE, ()))
    small = F.interpolate(turned, (side, side), mode="bilinear", antialias=True)
    blurred = F.interpolate(small, (SIZE, SIZE), mode="bilinear")
    return torch.where(torch.rand(count, 1, 1, 1) < 1 / 3, blurred, turned)


@torch.no_grad()
def accuracy_of(network: ConvNet, data: Dataset) -> float:
    """The share of pictures whose class it names."""
    images, labels = data.samples, data.labels
    assert isinstance(images, Tensor)
    assert labels is not None
    network.eval()
    guesses = torch.cat([network(part)[1].argmax(1) for part in images.split(1000)])
    return (guesses == labels).float().mean().item()


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
