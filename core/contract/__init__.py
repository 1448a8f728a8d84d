"""API v2 on the wire, both ways: field names, bounds, defaults in effect, codes and paths; nothing else.

Stands between everybody who speaks HTTP: `core.client` sends these models, `core.coordinator` receives them, and the
other way round. Requests (`Ask`) are validated against the bounds of the public API; answers (`Answer`) are read
tolerantly, because they come from any AI Horde.
"""
