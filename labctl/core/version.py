"""labctl's version, which is also written into what labctl makes."""

VERSION = "0.1.0"
