"""The machine that draws: pool > agent > batcher > renderer, one spawned process per device.

`run_bot.py` calls `pool.run_worker`; everything reaches the coordinator over `core.client` only.
"""
