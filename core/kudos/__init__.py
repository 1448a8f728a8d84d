"""Kudos that people give each other: promised in the chat, paid by the clerk once they can no longer be taken back.

giving: what may be given, and by whom · clerk: moves the kudos on the horde.
"""
