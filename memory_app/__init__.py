"""Lethe: a core and three doors.

                serving/            carries the first two over HTTP; started by the third
    api/ | console/ | management/   the doors: JSON for agents, HTML for people, commands
                |
                v
           operations/              the verbs: recording, reading, expiring, removing ...
                |
                v
       models/   storage/           the nouns; what SQLite and PostgreSQL do differently
                |
                v
  errors  conf  moments  measuring  strict_json  words

Imports go downwards only, and never from one door to another; tests/test_architecture.py holds it.
"""
