"""What this project's own tests need of pytest, and nothing else: the plugin comes by its entry point."""

import signal

pytest_plugins = ["pytester"]

# Started in the background by a script, pytest and all its children would ignore Control-C, which tests send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
