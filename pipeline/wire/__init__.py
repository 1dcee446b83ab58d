"""Reads and writes files without copying their weights: protobuf's wire format, mapped files, digests."""
