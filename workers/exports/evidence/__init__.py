"""Evidence packs: all that an auditor needs of a dataset version, in one signed archive."""
