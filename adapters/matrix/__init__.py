"""Matrix: bots in rooms, encrypted or not, over matrix-nio and a sync loop of our own.

Besides the four files of every adapter: `homeserver` (HTTP), `session` (who we are there), `engine` (nio's encryption),
`sync` (what happened), `notebook` (what must survive), `rooms` (who may what), `ears` and `mouth` (events in, words
out), `doors` (in and out of rooms), `media`, `sealed` (what cannot be read).
"""
