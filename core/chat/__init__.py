"""The neutral language that conversations and platforms share; it knows nobody else.

A platform's event becomes a `Call`, `Press` or `Reaction` (types), dispatch finds the conversation (command, grammar)
and runs it with a `Chat` (talk); what it says is made to fit (fit), written ahead (outbox, memory) and spoken through
the port.
"""
