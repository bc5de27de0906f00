"""A gateway of ours: speaks the TWS wire protocol over TCP, so that the real adapter runs without an account."""
