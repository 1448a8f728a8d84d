"""How fast a real coordinator is over real HTTP; `python -m bench.coordinator`, explained in `docs/scale.md`."""
