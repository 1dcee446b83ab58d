"""Campaigns against the promises of the store: runs are killed, disks fill up, files rot, and processes crowd."""
