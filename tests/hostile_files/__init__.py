"""Files that lie, one way each, and the message that must come of it.

Every module here holds a table of `HostileFile`; a new attack is a new row.
"""
