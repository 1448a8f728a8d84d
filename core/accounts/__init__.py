"""People's accounts: on the horde, and the identities on the platforms that are one person.

membership: who somebody is, logging in, linking · commands: what an operator does to the sealed keys.
"""
