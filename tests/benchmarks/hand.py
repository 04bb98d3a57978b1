"""ganzoo's own steps, written out by hand without ganzoo, as fast as torch lets them be.

The same precision, layout, fused optimizer, losses, penalties in float32 and moving average, the
batches cut from 8-bit images on the device, no figure read. What ganzoo takes more is what its
engine costs. On CUDA the whole step can be recorded once and replayed as a graph.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from works import Work, images, networks

Step = Callable[[], None]


class Hand:
    """What the steps share: both networks, their optimizers, the average, and the draws."""

    def __init__(self, work: Work, device: str, precision: str, betas: tuple[float, float]) -> None:
        self.work, self.device, self.precision = work, device, precision
        self.generator, self.discriminator, self.latent_size = networks(work, device)
        for network in (self.generator, self.discriminator):
            network.to(memory_format=torch.channels_last)
        self.g = list(self.generator.parameters())
        self.d = list(self.discriminator.parameters())
        on_gpu = device == "cuda"
        self.adam_g, self.adam_d = (
            torch.optim.Adam(side, 2e-4, betas, fused=True, capturable=on_gpu)
            for side in (self.g, self.d)
        )
        average = copy.deepcopy(self.generator).requires_grad_(False)
        self.average, self.newest = floats(average), floats(self.generator)
        self.images = images(work).to(device)

    def mixed(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")

    def real(self, dequantize: bool = False) -> Tensor:
        chosen = torch.randint(len(self.images), (self.work.batch,), device=self.device)
        levels = self.images[chosen].float()
        if dequantize:
            real = levels.add_(torch.rand_like(levels)).mul_(2 / 256).sub_(1)
        else:
            real = levels.div_(127.5).sub_(1)
        return real.contiguous(memory_format=torch.channels_last)

    def fake(self) -> Tensor:
        latent = torch.randn(self.work.batch, self.latent_size, device=self.device)
        with self.mixed():
            return self.generator(latent)

    def score(self, samples: Tensor) -> Tensor:
        with self.mixed():
            return self.discriminator(samples).float().flatten()

    def score_both(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """In one pass, which only networks without batch statistics allow."""
        scores = self.score(torch.cat([real, fake.to(real.dtype)]))
        return scores[: len(real)], scores[len(real) :]

    def slope(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """The scores in float32 and their gradients, (N, values a sample)."""
        samples = samples.detach().float().requires_grad_()
        scores = self.discriminator(samples).flatten()
        (gradient,) = torch.autograd.grad(scores.sum(), samples, create_graph=True)
        return scores, gradient.flatten(1)

    def update_d(self, loss: Tensor) -> None:
        self.adam_d.zero_grad()
        loss.backward(inputs=self.d)
        self.adam_d.step()

    def update_g(self, loss: Tensor) -> None:
        self.adam_g.zero_grad()
        loss.backward(inputs=self.g)
        self.adam_g.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.newest, 0.001)


def dcgan(work: Work, device: str, precision: str) -> Step:
    hand = Hand(work, device, precision, (0.5, 0.999))

    def step() -> None:
        real, fake = hand.real(), hand.fake()
        loss_real = F.softplus(-hand.score(real)).mean()
        hand.update_d(loss_real + F.softplus(hand.score(fake.detach())).mean())
        hand.update_g(F.softplus(-hand.score(fake)).mean())

    return step


def vanilla(work: Work, device: str, precision: str) -> Step:
    hand = Hand(work, device, precision, (0.5, 0.999))

    def step() -> None:
        fake = hand.fake()
        score_real, score_fake = hand.score_both(hand.real(), fake.detach())
        hand.update_d(F.softplus(-score_real).mean() + F.softplus(score_fake).mean())
        hand.update_g(F.softplus(-hand.score(fake)).mean())

    return step


def wgan_gp(work: Work, device: str, precision: str) -> Step:
    hand = Hand(work, device, precision, (0.0, 0.9))

    def critic_update(fake: Tensor) -> None:
        real = hand.real(dequantize=True)
        score_real, score_fake = hand.score_both(real, fake)
        weight = torch.rand(work.batch, 1, 1, 1, device=device)
        _, gradient = hand.slope(torch.lerp(real, fake.float(), weight))
        penalty = (gradient.norm(dim=1) - 1).square().mean()
        hand.update_d(score_fake.mean() - score_real.mean() + 10 * penalty)

    def step() -> None:
        for _ in range(4):
            with torch.no_grad():
                fake = hand.fake()
            critic_update(fake)
        fake = hand.fake()  # the last critic update and the generator's share their fakes
        critic_update(fake.detach())
        hand.update_g(-hand.score(fake).mean())

    return step


def r3gan(work: Work, device: str, precision: str) -> Step:
    hand = Hand(work, device, precision, (0.0, 0.9))

    def step() -> None:
        real, fake = hand.real(), hand.fake()
        # The penalties' scores, in float32, serve the loss too.
        scores, gradient = hand.slope(torch.cat([real, fake.detach().float()]))
        score_real, score_fake = scores.chunk(2)
        penalties = 0.5 * gradient.square().sum() / work.batch
        hand.update_d(F.softplus(score_fake - score_real).mean() + penalties)
        with torch.no_grad():
            score_real = hand.score(real)
        hand.update_g(F.softplus(score_real - hand.score(fake)).mean())

    return step


def captured(step: Step) -> Step:
    """`step` as a CUDA graph, recorded after a few steps that are played as usual."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Each on its own stream: torch frees the workspaces of a stream with any graph recorded there.
    with torch.cuda.graph(graph, stream=side):
        step()

    def replay(alive: Step = step) -> None:  # the networks that the graph works on live in `step`
        graph.replay()

    return replay


def floats(module: nn.Module) -> list[Tensor]:
    """What the moving average is of."""
    tensors = [*(p.detach() for p in module.parameters()), *module.buffers()]
    return [tensor for tensor in tensors if tensor.is_floating_point()]


LOOPS = {"dcgan": dcgan, "vanilla": vanilla, "wgan-gp": wgan_gp, "r3gan": r3gan}
