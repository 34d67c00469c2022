"""What is drawn from the evidence: one self-contained page, report.html."""

from kextrel.report.page import render, write
from kextrel.report.results import Result, Step, read_results

__all__ = ["Result", "Step", "read_results", "render", "write"]
