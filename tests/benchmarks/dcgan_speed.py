"""How fast ganzoo trains DCGAN at 64 pixels, batch 64, on the CPU, beside two other loops.

    python tests/benchmarks/dcgan_speed.py

plain:  the loop of pytorch/examples ``dcgan/main.py``: float32, contiguous, default Adam, one
        ``.item()`` a loss; its batch is already in memory. No EMA.
hand:   ganzoo's own step written out without ganzoo: the same precision, layout, optimizer,
        losses and EMA. What ganzoo takes more than this is what the engine costs.
ganzoo: the engine itself, with its EMA, cutting its batches from uint8 data.

The three take turns, so that a machine whose speed drifts treats them alike; the ratios are
medians over the turns.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from ganzoo.engine.session import Session
from ganzoo.models.load import find_architecture
from ganzoo.processes import Processes
from ganzoo.runs.resolve import resolve
from ganzoo.sources.given import from_tensor
from ganzoo.spec import SampleSpec

BATCH, SIZE, LATENT = 64, 64, 100


def plain() -> Callable[[], None]:
    generator, discriminator = networks()
    discriminator = nn.Sequential(discriminator, nn.Sigmoid())
    criterion = nn.BCELoss()
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    real = torch.rand(BATCH, 3, SIZE, SIZE) * 2 - 1

    def step() -> None:
        discriminator.zero_grad()
        label = torch.ones(BATCH)
        loss_real = criterion(discriminator(real).view(-1), label)
        loss_real.backward()
        fake = generator(torch.randn(BATCH, LATENT))
        label.fill_(0)
        loss_fake = criterion(discriminator(fake.detach()).view(-1), label)
        loss_fake.backward()
        (loss_real + loss_fake).item()
        adam_d.step()
        generator.zero_grad()
        label.fill_(1)
        loss = criterion(discriminator(fake).view(-1), label)
        loss.backward()
        loss.item()
        adam_g.step()

    return step


def hand(precision: str) -> Callable[[], None]:
    generator, discriminator = (n.to(memory_format=torch.channels_last) for n in networks())
    average = copy.deepcopy(generator).requires_grad_(False)
    g, d = list(generator.parameters()), list(discriminator.parameters())
    adam_g = torch.optim.Adam(g, 2e-4, (0.5, 0.999), fused=True)
    adam_d = torch.optim.Adam(d, 2e-4, (0.5, 0.999), fused=True)
    real = torch.rand(BATCH, 3, SIZE, SIZE) * 2 - 1
    real = real.contiguous(memory_format=torch.channels_last)

    def mixed() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")

    def step() -> None:
        with mixed():
            fake = generator(torch.randn(BATCH, LATENT))
        with mixed():
            loss = F.softplus(-discriminator(real).float()).mean()
            loss = loss + F.softplus(discriminator(fake.detach()).float()).mean()
        adam_d.zero_grad()
        loss.backward(inputs=d)
        adam_d.step()
        with mixed():
            loss = F.softplus(-discriminator(fake).float()).mean()
        adam_g.zero_grad()
        loss.backward(inputs=g)
        adam_g.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), g, 0.001)

    return step


def ganzoo(precision: str) -> Callable[[], None]:
    found = find_architecture("dcgan")
    asked = {"schedule": {"device": "cpu", "precision": precision}}
    config = resolve(found, "dcgan", {}, asked, {})
    data = torch.randint(0, 256, (1024, 3, SIZE, SIZE), dtype=torch.uint8)
    return Session(found, config, from_tensor(data), Processes(), (), ()).match.play


def networks() -> tuple[nn.Module, nn.Module]:
    """The networks of ganzoo's DCGAN, which are those of pytorch/examples."""
    architecture = find_architecture("dcgan")(SampleSpec("image", (3, SIZE, SIZE)))
    return architecture.build_generator(), architecture.build_discriminator()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--turns", type=int, default=9, help="turns of each loop")
    parser.add_argument("--steps", type=int, default=4, help="steps a turn")
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    args = parser.parse_args()
    torch.manual_seed(0)
    loops = {"plain": plain(), "hand": hand(args.precision), "ganzoo": ganzoo(args.precision)}
    for step in loops.values():
        step(), step()
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(args.turns):
        for name, step in loops.items():
            start = time.perf_counter()
            for _ in range(args.steps):
                step()
            seconds[name].append((time.perf_counter() - start) / args.steps)
    result = {
        "samples_per_second": {
            name: round(BATCH / statistics.median(times), 1) for name, times in seconds.items()
        },
        "ganzoo_over_plain": ratio(seconds["plain"], seconds["ganzoo"]),
        "engine_cost": round(ratio(seconds["ganzoo"], seconds["hand"]) - 1, 4),
        "precision": args.precision,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }
    print(json.dumps(result, indent=2))


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios, turn by turn."""
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 4)


if __name__ == "__main__":
    main()
