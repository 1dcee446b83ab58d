from tests.engine.executors.workers import cluster, preloaded

__all__ = ["cluster", "preloaded"]
