"""Reliability is tried on a running server."""
