"""Convolutions whose second derivatives are fast on CUDA.

torch computes the gradient of a convolution's gradient as another convolution with batch and
channels swapped, group by group, with a filter as large as the image. cuDNN has no fast algorithm
for that: it was four fifths of the time of a step with R1 and R2. Written with the operations that
a first derivative takes, which are what it is, it takes no longer than those (Karras 2021,
arXiv:2106.12423, whose code replaces torch's convolutions so).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

_CONVOLUTIONS: Final = {F.conv1d: 1, F.conv2d: 2, F.conv3d: 3}


class TwiceDifferentiable(TorchFunctionMode):
    """Within it, convolutions on CUDA can be differentiated twice fast, and no more than twice."""

    #: Where they are replaced.
    devices = ("cuda",)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        dimensions = _CONVOLUTIONS.get(func)
        if dimensions is None:
            return func(*args, **kwargs)
        return self._convolve(dimensions, func, *args, **kwargs)

    def _convolve(
        self,
        dimensions: int,
        func: Callable[..., Tensor],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        told = isinstance(padding, str) or input.dim() != dimensions + 2
        if told or input.device.type not in self.devices or input.dtype != weight.dtype:
            return func(input, weight, bias, stride, padding, dilation, groups)
        lists = [_each(value, dimensions) for value in (stride, padding, dilation)]
        form = Form(lists[0], lists[1], lists[2], groups)
        output: Tensor = _Convolution.apply(input, weight, form)
        return output if bias is None else output + bias.view(-1, *[1] * dimensions)


def twice_differentiable(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """`TwiceDifferentiable` where it makes a difference: it costs a little of each operation."""
    replaced = device.type in TwiceDifferentiable.devices
    return TwiceDifferentiable() if replaced else contextlib.nullcontext()


class Form(NamedTuple):
    """What a convolution is but its tensors; lists with a number for each dimension."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    groups: int

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        zeros = [0] * len(self.stride)
        return torch.ops.aten.convolution(
            x, weight, None, self.stride, self.padding, self.dilation, False, zeros, self.groups
        )

    def gradients(
        self, gradient: Tensor, x: Tensor, weight: Tensor, of_x: bool, of_weight: bool
    ) -> list[Tensor | None]:
        """Of the input and of the weight, as far as they are asked for."""
        zeros = [0] * len(self.stride)
        found = torch.ops.aten.convolution_backward(
            *(gradient, x, weight, None, self.stride, self.padding, self.dilation, False, zeros),
            *(self.groups, [of_x, of_weight, False]),
        )
        return [found[0] if of_x else None, found[1] if of_weight else None]


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, form: Form) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.form = form
        return form.convolve(x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, _ = ctx.needs_input_grad
        return (*_Gradients.apply(gradient, x, weight, ctx.form, of_x, of_weight), None)


class _Gradients(torch.autograd.Function):
    """The gradients of a convolution, each linear in `gradient` and in the other factor."""

    @staticmethod
    def forward(
        ctx: Any,
        gradient: Tensor,
        x: Tensor,
        weight: Tensor,
        form: Form,
        of_x: bool,
        of_weight: bool,
    ) -> tuple[Tensor | None, ...]:
        ctx.save_for_backward(gradient, x, weight)
        ctx.form = form
        ctx.set_materialize_grads(False)
        return tuple(form.gradients(gradient, x, weight, of_x, of_weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_x: Tensor | None, to_weight: Tensor | None) -> tuple[Any, ...]:
        gradient, x, weight = ctx.saved_tensors
        form, (of_gradient, of_x, of_weight, *_) = ctx.form, ctx.needs_input_grad
        sums: list[Tensor | None] = [None, None, None]
        if to_x is not None:
            if of_gradient:
                sums[0] = form.convolve(to_x, weight)
            sums[2] = form.gradients(gradient, to_x, weight, False, of_weight)[1]
        if to_weight is not None:
            if of_gradient:
                more = form.convolve(x, to_weight)
                sums[0] = more if sums[0] is None else sums[0] + more
            sums[1] = form.gradients(gradient, x, to_weight, of_x, False)[0]
        return (*sums, None, None, None)


def _each(value: Any, dimensions: int) -> list[int]:
    """A number for each dimension."""
    values = [value] if isinstance(value, int) else list(value)
    return values * dimensions if len(values) == 1 else values
