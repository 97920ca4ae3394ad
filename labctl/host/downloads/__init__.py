"""Files over https: resumed, retried and verified."""
