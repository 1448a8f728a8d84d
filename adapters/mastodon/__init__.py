"""The fediverse: Mastodon and what speaks its API (GoToSocial, Akkoma and Pleroma, Fedibird, Takahē).

words: how the bot is addressed · read: statuses, notifications → events · show: posts → statuses · platform: the port ·
ear: what comes in · pen: what goes out · server: the instance behind Mastodon.py · budget: what it still allows ·
stream: who rings when something happened · notes: what survives a restart · manners: profile, opt-outs, silence ·
fetch: people's pictures.
"""
