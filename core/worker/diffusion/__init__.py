"""The real renderer: diffusers pipelines on one device. The only room with torch.

A batch goes render > (loras, embeddings) > painting > (canvas, prompts > emphasis, seeds, samplers, sources, tiling,
watching) > the pipeline > safety > core.worker.provenance; models come in through shelf > loading > weights.
`core.worker.process` names `core.worker.diffusion.render:DiffusionRenderer` by a dotted string, so nobody else imports
this room.
"""

import os

# Has to be there before torch: threads that wait for each other spin otherwise, and on a machine that does anything
# else a small picture then takes ten times as long. Whoever sets it for the process decides.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
