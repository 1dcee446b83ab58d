from tests.inspection.conftest import run_folder

__all__ = ["run_folder"]
