"""The networks and the diffusion. Torch only: no files, no parameter objects; imports nothing of ours but `schemas`."""
