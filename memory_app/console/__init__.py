"""Door two: HTML for people. Views parse, call one operation, and answer through page.py."""
