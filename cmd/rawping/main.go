// Rawping sends ICMP echoes to one host or many thousands and says what became of each.
package main

import "sockwire/cmd/internal/cli"

func main() { cli.Main(run) }
