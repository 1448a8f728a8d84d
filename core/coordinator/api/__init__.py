"""The HTTP side of the coordinator, one file per subject; `routes` lists all endpoints, `openapi` describes them."""
