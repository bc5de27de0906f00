"""One vendor each, strangers to one another; they satisfy the ports of the shell structurally."""
