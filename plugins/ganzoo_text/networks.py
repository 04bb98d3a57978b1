"""ARAE: codes of lines, a generator of such codes, and what reads and writes them."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Objective, Options, Training
from ganzoo.layers import perceptron
from ganzoo_text.objective import CodeLoss


class Encoder(nn.Module):
    """Lines to codes: (N, tokens, length) to (N, code_size), each of mean 0 and variance 1."""

    def __init__(self, tokens: int, length: int, width: int, code_size: int) -> None:
        super().__init__()
        self.embed = nn.Conv1d(tokens, width, 1, bias=False)
        nn.init.normal_(self.embed.weight)  # of a single 1 in hundreds
        convolutions = (nn.Conv1d(width, width, 3, padding=1) for _ in range(2))
        self.look = nn.Sequential(*(layer for c in convolutions for layer in (c, nn.ReLU())))
        self.code = nn.Sequential(nn.Flatten(), nn.Linear(width * length, code_size))

    def forward(self, lines: Tensor) -> Tensor:
        seen = self.embed(lines)
        return standard(self.code(seen + self.look(seen)))


class Writer(nn.Module):
    """Codes to lines, token after token, each by the code and those before it."""

    def __init__(self, tokens: int, width: int, code_size: int) -> None:
        super().__init__()
        self.embed = nn.Linear(tokens, width, bias=False)
        nn.init.normal_(self.embed.weight)
        self.first = nn.Linear(code_size, width)
        self.memory = nn.GRU(width + code_size, width, batch_first=True)
        self.next = nn.Linear(width, tokens)

    def forward(self, code: Tensor, lines: Tensor) -> Tensor:
        """The logits of each token of `lines`, (N, tokens, length), given those before it: (N,
        length, tokens)."""
        before = F.pad(self.embed(lines.transpose(1, 2)), (0, 0, 1, 0))[:, :-1]
        codes = code[:, None].expand(-1, before.shape[1], -1)
        states, _ = self.memory(torch.cat([before, codes], 2), self.first(code).tanh()[None])
        return self.next(states)

    def write(self, code: Tensor, length: int) -> Tensor:
        """The most probable token at each place, (N, tokens, length) with a single 1 at each; none
        comes after the end of a line. A choice has no gradient: that of the tokens' shares stands
        for it (Bengio 2013, arXiv:1308.3432)."""
        state = self.first(code).tanh()[None]
        before = code.new_zeros(len(code), 1, self.embed.out_features)
        ended = torch.zeros(len(code), dtype=torch.bool, device=code.device)
        written = []
        for _ in range(length):
            seen, state = self.memory(torch.cat([before, code[:, None]], 2), state)
            logits = self.next(seen)[:, 0]
            place = logits.argmax(1).masked_fill(ended, 0)
            ended = ended | (place == 0)
            chosen = torch.zeros_like(logits).scatter_(1, place[:, None], 1.0)
            shares = logits.softmax(1)
            token = chosen + (shares - shares.detach())
            before = self.embed(token)[:, None]
            written.append(token)
        return torch.stack(written, 2)


class Generator(nn.Module):
    """``generator(latent)`` gives lines, (N, tokens, length); ``generator.code(latent)`` their
    codes, (N, code_size), which a gradient goes through."""

    def __init__(self, think: nn.Sequential, writer: Writer, length: int) -> None:
        super().__init__()
        self.think, self.writer, self.length = think, writer, length

    def code(self, latent: Tensor) -> Tensor:
        return standard(self.think(latent))

    def forward(self, latent: Tensor) -> Tensor:
        return self.writer.write(self.code(latent), self.length)


class CodeCritic(nn.Module):
    """``discriminator(lines, code=codes)``: scores of codes, (N, 1)."""

    def __init__(self, code_size: int, hidden: int) -> None:
        super().__init__()
        layers = perceptron(code_size, [hidden, hidden], 1, lambda: nn.LeakyReLU(0.2))
        self.judge = nn.Sequential(*layers)

    def forward(self, lines: Tensor, code: Tensor) -> Tensor:
        scores: Tensor = self.judge(code)
        return scores


def standard(code: Tensor) -> Tensor:
    """Codes, (N, size), each with mean 0 and variance 1."""
    return F.layer_norm(code, code.shape[1:])


class ARAE(Architecture):
    """Zhao 2018 (arXiv:1706.04223)."""

    class Config(Options):
        latent_size: int = Field(64, ge=1, description="length of a latent")
        code_size: int = Field(64, ge=2, description="length of a line's code")
        width: int = Field(128, ge=1, description="units of what reads and writes")
        hidden: int = Field(256, ge=1, description="units of what makes and judges codes")

    kinds: ClassVar[tuple[str, ...]] = ("text",)
    objective: ClassVar[type[Objective]] = CodeLoss
    training: ClassVar[Training] = Training(
        steps=10_000, batch_size=64, generator_lr=1e-3, discriminator_lr=1e-3, beta1=0.0
    )
    paper: ClassVar[str] = "https://arxiv.org/abs/1706.04223"

    def build_generator(self) -> nn.Module:
        (tokens, length), config = self.spec.shape, self.config
        think = perceptron(
            config.latent_size, [config.hidden, config.hidden], config.code_size, nn.ReLU
        )
        writer = Writer(tokens, config.width, config.code_size)
        return Generator(nn.Sequential(*think), writer, length)

    def build_discriminator(self) -> nn.Module:
        return CodeCritic(self.config.code_size, self.config.hidden)

    def build_partners(self) -> dict[str, nn.Module]:
        """The encoder: lines (N, tokens, length) to codes (N, code_size)."""
        tokens, length = self.spec.shape
        return {"encoder": Encoder(tokens, length, self.config.width, self.config.code_size)}
