"""A short form of each campaign; `make torture` runs them at length, on a network of 67 MB."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import corruption, crash, crowd, disk, foreign, home, orphans, power, strangers, truncation
from tests.torture.subject import Subject, prepared
from tests.torture.tally import Tally

WIDTH = 512  # of four linear layers: 4 MB, which is large enough to be linked and digested while it is written


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return prepared(tmp_path_factory.mktemp("subject"), WIDTH, "--no-verify")


def _held(tally: Tally, at_least: int) -> None:
    if tally.skipped:
        pytest.skip(tally.skipped)
    assert tally.wrong == []
    assert tally.held >= at_least


def test_a_run_killed_at_any_time_is_resumed_to_the_same_bytes(subject: Subject, tmp_path: Path) -> None:
    _held(crash.by_time(subject, tmp_path, 3), 3)


def test_a_run_killed_at_any_system_call_is_resumed_to_the_same_bytes(subject: Subject, tmp_path: Path) -> None:
    _held(crash.by_system_call(subject, tmp_path, 4), 4)


def test_a_full_disk_is_told_and_the_run_resumes_when_there_is_room(subject: Subject, tmp_path: Path) -> None:
    _held(disk.full(subject, tmp_path, 2), 2)


def test_a_read_only_store_is_told_and_the_run_resumes_when_it_can_be_written(subject: Subject, tmp_path: Path) -> None:
    _held(disk.read_only(subject, tmp_path, 2), 2)


def test_an_fsync_that_fails_is_told_and_the_run_resumes(subject: Subject, tmp_path: Path) -> None:
    _held(disk.fsync_fails(subject, tmp_path, 2), 2)


def test_a_folder_that_disappears_is_told_and_the_run_resumes(subject: Subject, tmp_path: Path) -> None:
    _held(disk.vanishes(subject, tmp_path, 4), 4)


def test_eight_processes_share_a_store_and_each_distinct_stage_runs_once(subject: Subject, tmp_path: Path) -> None:
    _held(crowd.crowd(subject, tmp_path, 1), 1)


def test_a_flipped_byte_anywhere_in_the_store_is_found_put_aside_and_made_again(
    subject: Subject, tmp_path: Path
) -> None:
    _held(corruption.flipped(subject, tmp_path, 1), 10)


def test_commands_on_random_files_of_a_home_folder_damage_none_of_them(subject: Subject, tmp_path: Path) -> None:
    _held(home.home(subject, tmp_path, 8), 8)


def test_what_a_power_cut_leaves_is_resumed_to_the_same_bytes(subject: Subject, tmp_path: Path) -> None:
    _held(power.cut(subject, tmp_path, 2), 2)


def test_a_file_cut_short_while_it_is_read_is_told_and_harms_no_later_run(subject: Subject, tmp_path: Path) -> None:
    _held(truncation.under_the_map(subject, tmp_path, 3), 3)


def test_workers_whose_parent_is_killed_die_with_it(subject: Subject, tmp_path: Path) -> None:
    _held(orphans.orphaned(subject, tmp_path, 2), 2)


def test_a_foreign_store_stays_as_it_is(subject: Subject, tmp_path: Path) -> None:
    _held(foreign.stores(subject, tmp_path, 9), 9)


def test_no_command_waits_for_or_follows_what_lies_in_a_files_place(subject: Subject, tmp_path: Path) -> None:
    _held(strangers.strangers(subject, tmp_path, 4), 4)
