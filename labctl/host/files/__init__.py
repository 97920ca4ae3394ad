"""Local files: the cache, the lab's folder, the runtime folder, digests, yeses, and the NoCloud ISO.

Beside them stands what they are made with: private, regular and checked files, and the errors of the system.
"""
