"""What differs between two networks: layers that match, and what they compute."""
