"""What this project's own tests need of pytest, and nothing else: the plugin comes by its entry point."""

import signal

pytest_plugins = ["pytester"]

# Started in the background by a script or by nohup, pytest and all its children would ignore what tests send them.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)
