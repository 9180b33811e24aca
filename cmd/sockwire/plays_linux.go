package main

import "context"

// plays are the programs of the scenes.
var plays = map[string]func(context.Context, *stage) error{
	"stream": stream, "datagram": datagram, "raw": rawSockets, "unix": unixSockets,
	"limits": limits, "errors": failures, "file": asFile,
}
