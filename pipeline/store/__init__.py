"""Artifacts on disk, published whole or not at all, and what is known of files: digests, origins, who vouched."""
