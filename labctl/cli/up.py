from labctl.cli.change import applying

run = applying("up")
