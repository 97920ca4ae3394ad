"""Local files: the cache, private files, digests, the errors of the system, and the NoCloud ISO."""
