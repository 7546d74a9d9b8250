"""The desk: the main job as pages of this machine, for one person, on the same pipeline."""
