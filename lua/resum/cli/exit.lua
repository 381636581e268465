-- The exit codes of the command, as docs/resum.1 has them. Signals add their own: 128 and their number.

return { all_scanned = 0, not_all_scanned = 1, usage = 2, not_as_expected = 3, stopped = 4, interrupted = 130 }
