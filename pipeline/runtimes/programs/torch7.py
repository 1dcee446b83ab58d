"""Torch7 itself, which runs the modules of a .t7 file, and any code in it.

It is used only if the user names it. Since it is a Lua program, this Python starts it for each net.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "Torch7"
READS = ("t7",)
VARIABLE = "TORCH7_LUA"
ADVICE = "set TORCH7_LUA to a th or luajit that can require 'nn'"
EXECUTES = True

_ASK = "require 'torch'; require 'nn'; io.write('on ', jit and jit.version or _VERSION)"

# Arguments: the model, and a folder with files in1, in2 ... of float32, and `inputs`, which has a line for each with
# its place in nested tables and its sizes. The outputs are written in the same way, without places, in a flat list.
_FORWARD = """
require 'nn'
pcall(require, 'nngraph')
pcall(require, 'dpnn')

local function load(path)
  for _, mode in ipairs { 'binary', 'ascii', 'b64', 'b32' } do
    local ok, found = pcall(torch.load, path, mode)
    if ok then return found end
  end
  return torch.load(path)
end

local function networks(value, found, seen)
  if torch.isTypeOf(value, 'nn.Module') then
    found[#found + 1] = value
  elseif type(value) == 'table' and not seen[value] then
    seen[value] = true
    for _, inner in pairs(value) do networks(inner, found, seen) end
  end
  return found
end

local function tensors(value, found)
  if torch.isTensor(value) then
    found[#found + 1] = value
  else
    for _, inner in ipairs(value) do tensors(inner, found) end
  end
  return found
end

local model, folder = arg[1], arg[2]
local found = networks(load(model), {}, {})
if #found ~= 1 then error('the file holds ' .. #found .. ' networks, not one', 0) end
local net = found[1]
net:evaluate()
local parameters = net:parameters()
local kind = parameters and parameters[1] and parameters[1]:type() or net:type()
if kind ~= 'torch.FloatTensor' and kind ~= 'torch.DoubleTensor' then
  net:float()  -- only then: it would make numbers of masks, too
  kind = 'torch.FloatTensor'
end

local inputs, number = {}, 0
for line in io.lines(folder .. '/inputs') do
  local place, sizes = line:match('^(%S+)(.*)$')
  local size, count = {}, 1
  for extent in sizes:gmatch('%d+') do
    size[#size + 1] = tonumber(extent)
    count = count * tonumber(extent)
  end
  number = number + 1
  local file = torch.DiskFile(folder .. '/in' .. number, 'r'):binary()
  local tensor = torch.FloatTensor(file:readFloat(count), 1, torch.LongStorage(size)):type(kind)
  file:close()
  local at, last = inputs
  for key in place:gmatch('%d+') do
    if last then
      at[last] = at[last] or {}
      at = at[last]
    end
    last = tonumber(key)
  end
  at[last] = tensor
end

local listed = io.open(folder .. '/outputs', 'w')
for i, tensor in ipairs(tensors(net:forward(#inputs == 1 and inputs[1] or inputs), {})) do
  local plain = tensor:float():clone()
  listed:write(table.concat(plain:size():totable(), ' '), '\\n')
  local file = torch.DiskFile(folder .. '/out' .. i, 'w'):binary()
  file:writeFloat(plain:storage())
  file:close()
end
listed:close()
"""


def version() -> str:
    """Return the version of Lua, since Torch7 itself has none. Raises ImportError if Torch7 is missing."""
    named = os.environ.get(VARIABLE)
    tried = [named] if named else [found for found in map(shutil.which, ("th", "luajit")) if found]
    said = "there is neither a th nor a luajit on the PATH"
    for lua in tried:
        try:
            done = _ran([lua, "-e", _ASK])
        except OSError as error:
            said = f"{lua}: {error.strerror}"
            continue
        if done.returncode == 0 and done.stdout.startswith("on "):
            os.environ[VARIABLE] = lua  # for `run`
            return done.stdout
        said = f"{lua}: {(done.stderr.strip().splitlines() or ['it cannot require nn'])[0]}"
    raise ImportError(said)


def load(files: Mapping[str, str]) -> str:
    """Return the file, because Torch7 reads and runs it in one step."""
    return files["t7"]


def run(net: str, feeds: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return the outputs in order. Inputs whose names are places, such as 2.1, are put there in nested tables."""
    with tempfile.TemporaryDirectory(prefix="torch2caffe2-") as folder:
        place = Path(folder)
        (place / "forward.lua").write_text(_FORWARD)
        lines = [f"{_place(name, i)} {_sizes(array)}\n" for i, (name, array) in enumerate(feeds, 1)]
        (place / "inputs").write_text("".join(lines))
        for number, (_, array) in enumerate(feeds, 1):
            (place / f"in{number}").write_bytes(array.astype("float32").tobytes())
        lua = os.environ[VARIABLE]
        done = _ran([lua, str(place / "forward.lua"), net, folder])
        if done.returncode:
            raise ValueError(_reason(done.stderr + done.stdout))
        return dict(zip(wanted, _outputs(place, len(wanted))))


def _ran(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _reason(said: str) -> str:
    """Return Lua's last message before its traceback, since containers put their names in front of it."""
    message = said.strip().partition("\nstack traceback:")[0].splitlines()
    return message[-1] if message else "it ended without a word"


def _outputs(place: Path, count: int) -> list[Any]:
    import numpy as np

    sizes = [tuple(map(int, line.split())) for line in (place / "outputs").read_text().splitlines()]
    if len(sizes) != count:
        raise ValueError("it gives %d outputs, not %d" % (len(sizes), count))
    return [np.fromfile(place / f"out{i}", "float32").reshape(size) for i, size in enumerate(sizes, 1)]


def _place(name: str, number: int) -> str:
    return name if re.match(r"\d+(\.\d+)*\Z", name) else str(number)


def _sizes(array: Any) -> str:
    return " ".join(map(str, array.shape))
