"""Local files: the cache, private files, and the NoCloud ISO."""
