"""The pure engine: no clock, no I/O, no vendor; the same events give the same effects, live and in replay."""
