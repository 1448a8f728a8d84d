"""Where pictures live: results, sources and masks, never in the database; written by `api`, cleared by the sweeper."""
