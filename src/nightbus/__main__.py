from nightbus.cli.main import main

main()
