"""What `labctl doctor` looks at. Nothing here starts or changes anything."""
