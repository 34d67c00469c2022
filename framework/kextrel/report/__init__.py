"""What is drawn from the evidence: one self-contained page, report.html (see `page`), and the coverage of the rules.

Whoever only reads what came of a run need not load what draws a page: `page` is imported by those who draw.
"""

from kextrel.report.coverage import Coverage, coverage, of_json
from kextrel.report.results import Result, Step, read_results

__all__ = ["Coverage", "Result", "Step", "coverage", "of_json", "read_results"]
