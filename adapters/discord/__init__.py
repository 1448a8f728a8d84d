"""Discord, with discord.py: slash commands, menus, buttons, forms, reactions and mentions, without privileged intents.

words: declarations → commands, buttons ⇄ custom ids · read: their objects → events · show: posts → messages ·
answers: what an interaction still lets us say · platform: the port · checkup: what the doctor tells.
"""
