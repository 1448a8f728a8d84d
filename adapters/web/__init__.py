"""The bundled chat page: rooms for several people and a direct conversation with the bot, in any browser.

words: how the bot is addressed, and completion · read: what pages send → events · show: posts → what pages get ·
history: what was said, on disk · door: who may come in, and everything HTTP · platform: the port.
"""
