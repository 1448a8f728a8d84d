"""The chat in the terminal: the shortest adapter there is, and the one to begin with when writing another.

words: how the bot is addressed · read: what is typed → events · show: posts → what the terminal shows ·
platform: the port.
"""
