"""What macOS is told and what it answers: command lines out, text in, typed observations. Pure: no wire, no file.

    commands      quoted command lines for what a person does over SSH or in recovery
    registry      the reader for a command line as typed, which `commandline` takes apart
    load kexts bputil csrutil kextpolicy profiles installed profiler sysext system extension_request
    gatekeeper codesign sessions recoveryonly extensionstore mobileconfig securityinfo logs
                  one reader each: `read(text)` -> a frozen result with `facts()` and `unparsed`
    text plisttext plistxml loglines screentext
                  what readers share: terminals' damage, property lists, lines of logs, look-alikes of a screen
    loadreasons   why a kext was not loaded, and the words for it
    contradictions  where two tools of one Mac disagree
    observation   one script for everything that rules speak of, and the reading of its answer
    page          an observation as plain text for people

Three things are never mixed: absent (the Mac says that there is none), false, and not said (None, or UNKNOWN with the
reason in an Observation). Text that a command does not print raises errors.UnreadableAnswer.
"""
