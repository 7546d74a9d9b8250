"""Invites candidates to JobMojito interviews: each person once, every row with an outcome."""
