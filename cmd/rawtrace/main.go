// Rawtrace finds the path to a host, whether the loss of a hop is real, the MTU, and what each hop changed.
package main

import "sockwire/cmd/internal/cli"

func main() { cli.Main(run) }
