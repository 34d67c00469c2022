"""The shipped suite: `scenarios/*.mac.yaml`, each named for the rule that it shows first, and `certify`, which runs it.

Every file says why it is there and what it pins on top of the model. Between them they exercise every rule that the
model knows; they are as few boots as can be, because on a real bench a boot is minutes.
"""

from __future__ import annotations

from kextrel.certification.files import SCENARIOS, paths
from kextrel.certification.suite import Certificate, Order, certify, showing

__all__ = ["SCENARIOS", "Certificate", "Order", "certify", "paths", "showing"]
