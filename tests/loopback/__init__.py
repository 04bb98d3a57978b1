"""A Hugging Face Hub on 127.0.0.1 that speaks to the real huggingface_hub client."""

from loopback.hub import Hub

__all__ = ["Hub"]
