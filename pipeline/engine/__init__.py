"""Plans and runs stages, delivers their files, and records what happened. It knows nothing about networks."""
