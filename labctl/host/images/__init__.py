"""Image files that nobody vouches for: told apart, checked, unpacked and converted."""
