"""The result of inferring the shape of a network's input, and its wording."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.graph.input_spec import InputSpec, TensorSpec
from pipeline.torch7.solving.forms import Form, Path, Place, TensorForm, specs, tables, tensors

NEEDED = "the shape of the input is needed"


@dataclass(frozen=True, slots=True)
class Free:
    """Axes of a tensor of `rank` axes for which several sizes fit, from `least` to `largest` (None: unlimited).

    `reason` says why a size was chosen, if it is `decided`. With `uneven`, the axes have different sizes, since none
    fits all of them.
    """

    group: tuple[Place, ...]
    rank: int
    least: int
    largest: int | None
    decided: bool = True
    reason: str = ""
    uneven: bool = False

    def __str__(self) -> str:
        """Return the sizes that fit in words: `any height and width from 32 to 35`."""
        if self.uneven:
            return f"several pairs of {self.names}"
        if self.largest is not None:
            return f"any {self.names} from {self.least} to {self.largest}"
        return f"any {self.names}" + (f" of {self.least} or more" if self.least > 1 else "")

    @property
    def names(self) -> str:
        """Return the names of the axes: `height and width`."""
        numbers = sorted({number for _, number in self.group})
        *first, last = (name_of(number, self.rank, len(numbers)) for number in numbers)
        return f"{', '.join(first)} and {last}" if first else last


def name_of(axis: int, rank: int, together: int) -> str:
    """Return the name of an axis of an input. If several are `together`, they are those of an image or volume."""
    if rank >= 4 and axis == 1:
        return "number of planes"
    if together > 1 or rank >= 4:
        return ("depth", "height", "width")[axis - rank] if rank - axis <= 3 else f"size of axis {axis + 1}"
    return "length" if rank <= 3 and axis < 2 else f"size of axis {axis + 1}"


@dataclass(frozen=True, slots=True)
class Solution:
    """The likeliest form of a network's input.

    It is `settled` if no other is as likely, or if others only change the size of the images. If it is not, `choices`
    are several forms that fit, and `open` are tensors of which not even the number of axes is known.
    """

    form: Form
    fits: bool
    settled: bool
    free: tuple[Free, ...] = ()
    choices: tuple[Form, ...] = ()
    open: tuple[Path, ...] = ()
    reasons: tuple[str, ...] = ()
    any_batch: bool = False
    trouble: UsageError | None = None

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The likeliest shapes, as `--input` takes them."""
        return specs(self.choices[0] if self.choices else self.form)

    @property
    def freedom(self) -> str:
        """Return what else fits in words; "" if nothing does."""
        found = ["any batch size"] if self.any_batch else []
        found += ["a table of any length"] if any(table.repeats for table in tables(self.form)) else []
        found += [str(free) for free in self.free]
        return ", ".join(dict.fromkeys(found))

    @property
    def note(self) -> str:
        """Return the note that says which shape was chosen, and why."""
        why = "; ".join(dict.fromkeys(self.reasons))
        if not self.settled:
            return f"{self.cause}; convert needs the shape, such as {options(self.inputs)}, which is taken here"
        also = f" ({self.freedom} would do)" if self.freedom else ""
        return f"the input is taken as {options(self.inputs)}: {why or 'no other shape fits'}{also}"

    @property
    def advice(self) -> str:
        """Return the options to type, the likeliest first; if no shape fits, what is known of it."""
        if not self.fits:
            return f"give it; nearest is {options(self.inputs)}, which does not fit"
        return "\nor ".join(options(specs(form)) for form in self.choices or (self.form,))

    @property
    def cause(self) -> str:
        """Return the reason why no shape can be chosen."""
        if not self.fits:
            return f"none was found that fits: {self.trouble.what}" if self.trouble else "none was found that fits"
        if self.open:
            flat = [tensor for path, tensor in tensors(self.form) if path in self.open and tensor.flat]
            if flat:
                return f"any shape of {_elements(flat[0])} elements fits"
            return "nothing in the network settles how many dimensions it has"
        if any(table.unsettled for table in tables(self.form)):
            return "nothing in the network settles how many items its table has"
        return f"several shapes fit: {self.freedom}" if self.free else "whether others fit was not found out"

    def error(self) -> UsageError:
        """Return the error that asks the user for the shape."""
        order = "; the likeliest is listed first" if len(self.choices) > 1 else ""
        return UsageError(NEEDED, why=self.cause + order, advice=self.advice)


def _elements(tensor: TensorForm) -> int:
    return tensor.axes[-1].size


def options(inputs: Sequence[InputSpec]) -> str:
    """Return inputs as the options to type."""
    return " ".join(f"--input {spec if isinstance(spec, TensorSpec) else shlex.quote(str(spec))}" for spec in inputs)
