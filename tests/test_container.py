"""What the container is built from is what the wheel's tests build from, and what its folder lets through."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_wheel import SOURCES

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_is_made_of_what_the_wheel_is_made_of() -> None:
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)]
    assert sorted(name for names in copied for name in names) == sorted(SOURCES)


def test_nothing_else_is_let_through_to_it() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(SOURCES)
    assert "*" in lines


def test_the_readme_builds_the_targets_that_there_are() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE))
    named = re.findall(r"docker build --target (\w+)", readme + DOCKERFILE)
    assert {"small", "judges"} <= set(named) <= targets
