"""What candidates are told: texts, drafts, and posting them once each."""
