from labctl.cli.change import verb

run = verb("halt")
