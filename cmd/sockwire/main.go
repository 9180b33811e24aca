// Command sockwire shows what each kind of socket puts on the wire: it plays short scenes with real sockets
// between two hosts of a private lab, or traces any other program, and prints every system call beside the packets that
// it made.
package main

import "sockwire/cmd/internal/cli"

func main() { cli.Main(run) }
