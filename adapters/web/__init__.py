"""The bundled chat page: rooms for several people and a direct conversation with the bot, in any browser.

words: how the bot is addressed, and completion · read: what pages send → events · show: posts → what pages get ·
pages: who has which page open · platform: the port. `site` is the chat server that these four speak to.
"""
