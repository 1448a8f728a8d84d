"""A Discord on this machine: REST over TLS, gateway over WebSocket, files; real discord.py talks to it.

world: people, channels, messages, interactions · rest: the HTTP side · gateway: the events · schema: what Discord's own
documents say of both · server: one program of all of it, and the resolver that leads discord.py here.
"""
