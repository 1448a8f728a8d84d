"""The real renderer: diffusers pipelines on one device. The only room with torch.

A batch goes render > painting > (canvas, prompts, seeds, samplers, sources, tiling) > the pipeline > safety >
core.worker.provenance; models come in through shelf > loading > weights. `core.worker.process` names
`core.worker.diffusion.render:DiffusionRenderer` by a dotted string, so nobody else imports this room.
"""
