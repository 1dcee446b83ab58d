"""Who does conversions side by side: processes of this machine, or the workers of a cluster."""
