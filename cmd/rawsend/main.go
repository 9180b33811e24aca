// Command rawsend crafts packets, sends them at a rate, and shows what comes back.
package main

import "sockwire/cmd/internal/cli"

func main() { cli.Main(run) }
