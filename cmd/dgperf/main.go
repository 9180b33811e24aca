// Command dgperf measures a datagram path, every packet accounted for.
package main

import "sockwire/cmd/internal/cli"

func main() { cli.Main(run) }
