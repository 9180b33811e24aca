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
	for o := range wire.IPv4Options(options) {
		whole := options[o.Offset : o.Offset+o.Length] // pointers count from the kind
		switch {
		case o.Cut:
			b.WriteString("\nunreadable options")
		case o.Kind == wire.IPv4OptionRecordRoute && o.Length >= 3:
			b.WriteString("\nRR:")
			for i := 3; i+4 <= o.Length && i+4 < int(whole[2]); i += 4 {
				fmt.Fprintf(&b, "\t%v\n", netip.AddrFrom4([4]byte(whole[i:])))
			}
		case o.Kind == wire.IPv4OptionTimestamp && o.Length >= 4:
			b.WriteString("\nTS:")
			routerTimes(&b, whole)
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
