"""The version of Lethe."""

VERSION = "0.1.0"
