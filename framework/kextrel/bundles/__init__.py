"""Makes bundles from descriptions. They are signed by a test authority, so no real Mac loads them."""

from kextrel.bundles.kext import file_name, make

__all__ = ["file_name", "make"]
