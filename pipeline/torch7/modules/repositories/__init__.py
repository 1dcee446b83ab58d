"""Classes of well-known repositories that are no library: one file a repository, whose source it names.

docs/torch7-repositories.md lists them, and those that have no exact form.
"""

from pipeline.torch7.modules.repositories import torch_rnn

__all__ = ["torch_rnn"]
