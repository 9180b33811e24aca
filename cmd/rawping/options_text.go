package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"sockwire/raw/wire"
)

// optionText prints the record route and timestamp options of an answer (RFC 791, section 3.1).
func optionText(options []byte) string {
	var b strings.Builder
	for option := range wire.IPv4Options(options) {
		if option.Cut {
			b.WriteString("\nunreadable options")
			break
		}
		o := options[option.Offset : option.Offset+option.Length]
		switch {
		case option.Kind == wire.IPv4OptionRecordRoute && len(o) >= 3:
			b.WriteString("\nRR:")
			for i := 3; i+4 <= len(o) && i+4 < int(o[2]); i += 4 {
				fmt.Fprintf(&b, "\t%v\n", netip.AddrFrom4([4]byte(o[i:])))
			}
		case option.Kind == wire.IPv4OptionTimestamp && len(o) >= 4:
			b.WriteString("\nTS:")
			routerTimes(&b, o)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// routerTimes prints the entries of a timestamp option that routers have filled in.
func routerTimes(b *strings.Builder, o []byte) {
	step := 4
	if o[3]&15 != 0 {
		step = 8
	}
	for i := 4; i+step <= len(o) && i+step < int(o[2]); i += step {
		if step == 8 {
			fmt.Fprintf(b, "\t%v", netip.AddrFrom4([4]byte(o[i:])))
		}
		fmt.Fprintf(b, "\t%s\n", dayTime(binary.BigEndian.Uint32(o[i+step-4:])))
	}
	if missed := o[3] >> 4; missed > 0 {
		fmt.Fprintf(b, "\t%d more routers had no room\n", missed)
	}
}
