from labctl.cli.change import applying

run = applying("reload")
