"""Measurements of what the documentation claims, each beside a bare floor or a peer in the same run."""
