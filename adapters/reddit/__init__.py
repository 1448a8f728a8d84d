"""Reddit: mentions, replies and `!imagine` become events; pictures go to the bot's own subreddit, replies link them.

access: the connection, its budget and its errors · words: how the bot is addressed · read: comments → events ·
ears: inbox and subreddits, again and again · show: posts → Markdown · gallery: picture posts · memory: what was said
where · guest: how much is welcome · checkup: what the doctor asks · platform: the port.
"""
