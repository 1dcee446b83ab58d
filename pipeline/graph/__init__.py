"""The neutral graph: the hub between the formats."""
