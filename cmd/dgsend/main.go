// Command dgsend sends datagrams and waits for answers.
package main

import "sockwire/cmd/internal/cli"

func main() { cli.Main(run) }
