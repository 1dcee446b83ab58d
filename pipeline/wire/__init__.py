"""Files as bytes: Protobuf's wire format, read and written without copying weights, digests and foreign files."""
