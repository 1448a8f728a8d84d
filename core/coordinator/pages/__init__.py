"""Pages for people, rendered here: the front page and the browsable document of the API; no script runs on them."""
