"""Fields of forks that do not change what a trained network computes, with the fork and the reason."""

from __future__ import annotations

_NVIDIA = "NVIDIA's fork chooses the precision and the memory of training by it"
_RISTRETTO = "Ristretto's fork chooses by it how a separate tool rounds numbers"

# The reason why a field is ignored, by its name, in any message.
_BY_NAME = {
    "forward_type": _NVIDIA,
    "backward_type": _NVIDIA,
    "forward_math": _NVIDIA,
    "backward_math": _NVIDIA,
    "default_forward_type": _NVIDIA,
    "default_backward_type": _NVIDIA,
    "default_forward_math": _NVIDIA,
    "default_backward_math": _NVIDIA,
    "default_conv_algos_override": _NVIDIA,
    "conv_algos_override": _NVIDIA,
    "cudnn_convolution_algo_seeker": _NVIDIA,
    "global_grad_scale": _NVIDIA,
    "global_grad_scale_adaptive": _NVIDIA,
    "reduce_buckets": _NVIDIA,
    "eltwise_mem_policy": _NVIDIA,
    "quantization_param": _RISTRETTO,
}


def ignored(path: str) -> str:
    """Return the reason why the field at this path may be ignored; "" if it may not."""
    return next((_BY_NAME[name] for name in path.split(".") if name in _BY_NAME), "")
