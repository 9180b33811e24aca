package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sockwire/capture/decode"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/wire"
)

// transports are those whose ports --decode can name.
var transports = map[string]uint8{"": 0, "tcp": wire.ProtoTCP, "udp": wire.ProtoUDP, "udplite": wire.ProtoUDPLite, "sctp": wire.ProtoSCTP, "dccp": wire.ProtoDCCP}

// checkDecode reads --decode and --rtp.
func (o *options) checkDecode() error {
	o.ports = make(map[decode.Port]decode.Type)
	for _, p := range o.rtp {
		if p == 0 || p > 65535 {
			return cli.Usagef("--rtp %d is no port", p)
		}
		o.ports[decode.Port{Transport: wire.ProtoUDP, Number: uint16(p)}] = decode.TypeRTP
	}
	for _, text := range o.decodeAs {
		if text == "list" {
			o.listProtocols = true
			continue
		}
		port, name, found := strings.Cut(text, "=")
		if !found {
			return cli.Usagef("--decode %q is not PORT=PROTOCOL, such as 8053=dns or tcp/8443=tls", text)
		}
		transport, number, found := strings.Cut(port, "/")
		if !found {
			transport, number = "", port
		}
		proto, ok := transports[transport]
		if !ok || found && transport == "" {
			return cli.Usagef("--decode %s: %q has no ports; tcp, udp, udplite, sctp and dccp have", text, transport)
		}
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n == 0 {
			return cli.Usagef("--decode %s: %q is no port, which is 1 to 65535", text, number)
		}
		t, ok := protocols()[strings.ToLower(name)]
		if !ok {
			return cli.Usagef("--decode %s: the protocol %q is not known%s", text, name, nearProtocols(name))
		}
		o.ports[decode.Port{Transport: proto, Number: uint16(n)}] = t
	}
	return nil
}

// listProtocols prints the names that --decode knows, each with what it stands for.
func listProtocols(env *cli.Env) error {
	all := protocols()
	for _, name := range protocolNames() {
		t := all[name]
		line := fmt.Sprintf("%-16s %-32s %s", name, t.Title(), t.Told())
		env.Stdout.Printf("%s\n", strings.TrimRight(line, " "))
	}
	return nil
}

// protocols are what --decode can name.
func protocols() map[string]decode.Type {
	all := make(map[string]decode.Type)
	for _, t := range decode.AllTypes() {
		all[t.String()] = t
	}
	return all
}

func protocolNames() []string {
	var names []string
	for name := range protocols() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// nearProtocols is a hint for a name that is not known.
func nearProtocols(name string) string {
	name = strings.ToLower(name)
	if near := cli.Nearest(name, protocolNames()); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	var within []string
	for _, n := range protocolNames() {
		if len(name) > 1 && strings.Contains(n, name) && len(within) < 5 {
			within = append(within, n)
		}
	}
	if within != nil {
		return " (there are " + strings.Join(within, ", ") + ")"
	}
	return "; --decode list names all"
}
