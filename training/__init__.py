"""The bundled little model's workshop: pictures it makes itself, four small networks, export and measures.

Stands apart from the running program: nothing in `core`, `bots` or `adapters` imports it. What it leaves behind is
`models/little` (an ordinary diffusers folder) and `models/little-clip`. One command does it all:
`python -m training all --preset cpu`.
"""
