"""The virtual Mac: reached as a real one is, built from what hardware and daemons do, and standing alone.

    serve([MacSpec("mini", prepared=True)], faults=(), on_ready=print)

runs until SIGTERM or SIGINT. It imports nothing of kextrel but `errors`: the rules it is judged by are elsewhere.
"""

from kextrel.virtual.faults import FAULTS, Fault
from kextrel.virtual.service import serve
from kextrel.virtual.spec import DEFECTS, Account, Endpoints, MacSpec

__all__ = ["DEFECTS", "FAULTS", "Account", "Endpoints", "Fault", "MacSpec", "serve"]
