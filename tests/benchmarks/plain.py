"""Training loops as the popular implementations write them, from their recipes.

float32, contiguous, Adam as torch makes it by default, no moving average of the weights, and the
figures that they read at each step. The batch of real samples is already in memory, on the device:
what they spend on data is not counted. Each function returns a step: one update of the generator,
with the discriminator's before it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from works import Work, networks

Step = Callable[[], None]


def dcgan(work: Work, device: str) -> Step:
    """As pytorch/examples ``dcgan/main.py``: the fakes serve both players, and five figures are
    read at each step."""
    torch.backends.cudnn.benchmark = True
    generator, scorer, latent_size = networks(work, device)
    discriminator = nn.Sequential(scorer, nn.Sigmoid())
    criterion = nn.BCELoss()
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    real = real_batch(work, device)

    def step() -> None:
        discriminator.zero_grad()
        label = torch.ones(work.batch, device=device)
        output = discriminator(real).view(-1)
        loss_real = criterion(output, label)
        loss_real.backward()
        output.mean().item()
        fake = generator(torch.randn(work.batch, latent_size, device=device))
        label.fill_(0)
        output = discriminator(fake.detach()).view(-1)
        loss_fake = criterion(output, label)
        loss_fake.backward()
        output.mean().item()
        adam_d.step()

        generator.zero_grad()
        label.fill_(1)
        output = discriminator(fake).view(-1)
        loss = criterion(output, label)
        loss.backward()
        output.mean().item()
        adam_g.step()
        (loss_real + loss_fake).item(), loss.item()

    return step


def vanilla(work: Work, device: str) -> Step:
    """As the notebook of diegoalejogm/gans: each player has fakes of its own, and both losses are
    logged at each step."""
    generator, scorer, latent_size = networks(work, device)
    discriminator = nn.Sequential(scorer, nn.Sigmoid())
    criterion = nn.BCELoss()
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4)
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4)
    real = real_batch(work, device)

    def latents() -> Tensor:
        return torch.randn(work.batch, latent_size, device=device)

    def step() -> None:
        fake = generator(latents()).detach()
        adam_d.zero_grad()
        loss_real = criterion(discriminator(real), torch.ones(work.batch, 1, device=device))
        loss_real.backward()
        loss_fake = criterion(discriminator(fake), torch.zeros(work.batch, 1, device=device))
        loss_fake.backward()
        adam_d.step()

        fake = generator(latents())
        adam_g.zero_grad()
        loss = criterion(discriminator(fake), torch.ones(work.batch, 1, device=device))
        loss.backward()
        adam_g.step()
        (loss_real + loss_fake).item(), loss.item()

    return step


def wgan_gp(work: Work, device: str) -> Step:
    """As caogang/wgan-gp: five updates of the critic, each with three passes of its own, fakes made
    without a gradient, the critic frozen in the generator's turn, three figures read at a step."""
    generator, critic, latent_size = networks(work, device)
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.0, 0.9))
    adam_d = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.0, 0.9))
    real = real_batch(work, device)

    def penalty(fake: Tensor) -> Tensor:
        weight = torch.rand(work.batch, 1, 1, 1, device=device)
        between = (weight * real + (1 - weight) * fake).requires_grad_()
        scores = critic(between)
        (gradient,) = torch.autograd.grad(
            scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True
        )
        return 10 * ((gradient.view(work.batch, -1).norm(2, dim=1) - 1) ** 2).mean()

    def step() -> None:
        critic.requires_grad_(True)
        for _ in range(5):
            critic.zero_grad()
            score_real = critic(real).mean()
            (-score_real).backward()
            with torch.no_grad():
                fake = generator(torch.randn(work.batch, latent_size, device=device))
            score_fake = critic(fake).mean()
            score_fake.backward()
            slope = penalty(fake)
            slope.backward()
            adam_d.step()

        critic.requires_grad_(False)
        generator.zero_grad()
        loss = -critic(generator(torch.randn(work.batch, latent_size, device=device))).mean()
        loss.backward()
        adam_g.step()
        (score_fake - score_real + slope).item(), loss.item(), (score_real - score_fake).item()

    return step


def r3gan(work: Work, device: str) -> Step:
    """As brownvc/R3GAN: the scores serve the loss and both penalties, the other player is frozen,
    each turn has latents of its own, and nothing is read at a step."""
    torch.backends.cudnn.benchmark = True
    generator, discriminator, latent_size = networks(work, device)
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.0, 0.9))
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.0, 0.9))
    data = real_batch(work, device)

    def fakes() -> Tensor:
        return generator(torch.randn(work.batch, latent_size, device=device))

    def penalty(samples: Tensor, scores: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(scores.sum(), samples, create_graph=True)
        return gradient.square().sum([1, 2, 3])

    def step() -> None:
        adam_d.zero_grad()
        generator.requires_grad_(False)
        discriminator.requires_grad_(True)
        real = data.detach().requires_grad_()
        fake = fakes().detach().requires_grad_()
        score_real, score_fake = discriminator(real), discriminator(fake)
        slopes = penalty(real, score_real) + penalty(fake, score_fake)
        loss = F.softplus(score_fake - score_real).flatten() + 0.5 * slopes
        loss.mean().backward()
        adam_d.step()

        adam_g.zero_grad()
        generator.requires_grad_(True)
        discriminator.requires_grad_(False)
        lead = discriminator(fakes()) - discriminator(data)
        F.softplus(-lead).mean().backward()
        adam_g.step()

    return step


def real_batch(work: Work, device: str) -> Tensor:
    """Real samples in [-1, 1], contiguous."""
    return torch.rand(work.batch, *work.shape, device=device) * 2 - 1


LOOPS = {"dcgan": dcgan, "vanilla": vanilla, "wgan-gp": wgan_gp, "r3gan": r3gan}
