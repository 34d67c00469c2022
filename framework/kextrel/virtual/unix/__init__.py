"""The unix side of a virtual Mac: processes, files, users, terminals, and the command-line tools that any Mac has."""
