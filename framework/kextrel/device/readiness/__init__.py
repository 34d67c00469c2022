"""Is this Mac prepared for a bench? `examine` asks, and changes nothing; `make_ready` does what SSH can do.

finding    what was found of one row, and in which words     asking     questions to the Mac, as its user and as root
access     rows 1 to 4: SSH, sudo, Full Disk Access, owner   session    rows 5 to 8: desktop, sleep, keyboard
hardware   rows 9 and 10: power, disk                        network    rows 11 and 12: signing server, beacon
trust      rows 13 to 15: signatures, MDM, old approvals     remedies   what is missing, put right over SSH
"""

from kextrel.device.readiness.examine import examine
from kextrel.device.readiness.finding import ROWS, Finding, Standing
from kextrel.device.readiness.remedies import Remedied, by_hand, make_ready, unlock

__all__ = ["ROWS", "Finding", "Remedied", "Standing", "by_hand", "examine", "make_ready", "unlock"]
