// Command dgrecv receives, prints, saves and answers datagrams.
package main

import "sockwire/cmd/internal/cli"

func main() { cli.Main(run) }
