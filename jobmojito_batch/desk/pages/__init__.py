"""A module for each page: records of the pipeline in, an answer out."""
