from labctl.cli.change import verb

arguments, run = verb("up")
