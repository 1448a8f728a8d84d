"""Everything that is neither a platform nor a conversation; HOUSE rules say which room may know which."""
