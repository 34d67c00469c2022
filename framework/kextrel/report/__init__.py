"""What is drawn from the evidence: one self-contained page, report.html, and the coverage of the rules."""

from kextrel.report.coverage import Coverage, coverage, of_json
from kextrel.report.page import Bounds, write
from kextrel.report.results import Result, Step, read_results

__all__ = ["Bounds", "Coverage", "Result", "Step", "coverage", "of_json", "read_results", "write"]
