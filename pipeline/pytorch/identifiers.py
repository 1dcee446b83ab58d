"""Turns names from a file into names that Python and PyTorch allow."""

from __future__ import annotations

import builtins
import keyword
import re

from pipeline.pytorch.functions import FUNCTIONS

_LONGEST = 48  # characters of a name
_FOREIGN = re.compile(r"[^0-9A-Za-z]+")


def word(name: str) -> str:
    """Return a name reduced to the characters of an identifier.

    >>> word("branch[1]"), word('x");import os#'), word("...")
    ('branch1', 'x_import_os', 'value')
    """
    name = re.sub(r"\[(\d+)\]", r"\1", name)
    return _FOREIGN.sub("_", name[: 8 * _LONGEST]).strip("_")[:_LONGEST].strip("_") or "value"


def identifier(name: str, prefix: str) -> str:
    """Return a name as an identifier, with the prefix if it would begin with a digit.

    >>> identifier("4.1", "layer"), identifier("in", "layer"), identifier("conv1/7x7", "layer")
    ('layer4_1', 'in_', 'conv1_7x7')
    """
    found = word(name)
    return prefix + found if found[0].isdigit() else free(found)


def free(found: str) -> str:
    """Return a word, followed by an underscore if it is reserved in Python, or an attribute of every module."""
    return f"{found}_" if keyword.iskeyword(found) or hasattr(builtins, found) or found in _TAKEN else found


# The attributes of nn.Module and nn.Sequential. A test compares them to PyTorch's.
MODULE = frozenset(
    (
        "T_destination",
        "add_module",
        "append",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extend",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "insert",
        "ipu",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "pop",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
    )
)
_TAKEN = MODULE | FUNCTIONS.keys() | {"self", "torch", "nn", "F", "x"}
