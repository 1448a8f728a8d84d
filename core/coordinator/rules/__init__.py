"""The rules of the horde: synchronous functions over an open transaction; whoever calls them owns the transaction."""
