"""Downloads over https, which are resumed, retried and verified."""
