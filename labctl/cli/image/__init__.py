"""`labctl image …`: one file a verb."""
