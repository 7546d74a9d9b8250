"""A scheduled run's own steps: choosing inputs, path templates, archiving, housekeeping."""
