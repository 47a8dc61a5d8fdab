"""The pages that show what jobs did: one HTML file each, which needs no network.

Everything that comes from data is escaped, and what would fill the page is added up first, so
a page stays small and quick to make for 20,000 files and 100,000 attempts. Every batch job waits
for this package's import, so its records are named tuples: one dataclass takes longer to define
than a small page to make.
"""

from runner.report.page import render
from runner.report.report import Report

__all__ = ["Report", "render"]
