package main

import (
	"strconv"
	"strings"

	"sockwire/capture/filter"
	"sockwire/cmd/internal/cli"
)

func (o *options) checkFollow() error {
	if o.followText == "" {
		if o.side != "" || o.followAs != "text" {
			return cli.Usagef("--side and --follow-as are of --follow: give it too")
		}
		return nil
	}
	if o.json {
		o.followAs = "json"
	}
	o.json = o.followAs == "json"
	switch o.followAs {
	case "text", "hex", "raw", "json":
	default:
		return cli.Usagef("--follow-as is text, hex, raw or json, not %q", o.followAs)
	}
	switch o.side {
	case "", "client", "server":
	case ">":
		o.side = "client"
	case "<":
		o.side = "server"
	default:
		return cli.Usagef("--side is client (or >) or server (or <), not %q", o.side)
	}
	if o.followAs == "raw" && o.side == "" {
		return cli.Usagef("raw bytes are those of one side: give --side client or --side server")
	}
	f := &following{stream: -1, datagram: -1}
	o.follow = f
	text, udp := strings.CutPrefix(o.followText, "udp:")
	n, err := strconv.ParseInt(text, 10, 31)
	switch {
	case err == nil && n >= 0 && udp:
		f.datagram = int(n)
	case err == nil && n >= 0:
		f.stream = int(n)
	case err == nil || udp:
		return cli.Usagef("--follow %s is no stream: streams are numbered from 0, as --streams and --json have them", o.followText)
	default:
		if f.filter, err = filter.Parse(o.followText); err != nil {
			return inFlag("--follow", err)
		}
	}
	return nil
}
