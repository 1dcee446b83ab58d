"""Protobuf's wire format, read and written around weights that stay where they lie."""
