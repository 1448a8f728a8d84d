"""The bundled horde: an AI Horde API v2 coordinator, a stranger to the rest that is reached over HTTP only.

app > api, pages, sweeper > middleware, auth, keys > rules > store, blobs.
"""
