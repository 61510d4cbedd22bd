"""The installation's signing key: it vouches for evidence packs, wherever they are taken."""
