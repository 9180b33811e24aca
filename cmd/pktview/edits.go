package main

import (
	"strconv"
	"strings"
	"time"

	"sockwire/capture/edit"
	"sockwire/cmd/internal/cli"
)

// dedupTimed is how many packets --dedup looks back over where it is given a time.
const dedupTimed = 1 << 16

// checkEdits reads --packets, --dedup and --shift.
func (o *options) checkEdits() error {
	if len(o.read) == 0 && (o.numbersText != "" || o.dedupText != "" || o.shiftText != "") {
		return cli.Usagef("--packets, --dedup and --shift change what files hold: give them with -r")
	}
	var err error
	if o.numbersText != "" {
		if o.numbers, err = edit.ParseNumbers(o.numbersText); err != nil {
			return cli.Usagef("--packets: %v", err)
		}
	}
	if o.dedupText != "" {
		o.dedup = new(edit.Duplicates)
		if n, err := strconv.Atoi(o.dedupText); err == nil {
			if n < 1 || n > dedupTimed {
				return cli.Usagef("--dedup=%d is not in 1..%d; a time has a unit, such as 10ms", n, dedupTimed)
			}
			o.dedup.Packets = n
		} else if o.dedup.Within, err = cli.ParseDuration(o.dedupText); err != nil || o.dedup.Within == 0 {
			return cli.Usagef("--dedup=%s is neither a number of packets nor a time: give it as --dedup=5 or --dedup=10ms", o.dedupText)
		} else {
			o.dedup.Packets = dedupTimed
		}
	}
	if o.shiftText != "" {
		text, back := strings.CutPrefix(o.shiftText, "-")
		if o.shift, err = cli.ParseDuration(strings.TrimPrefix(text, "+")); err != nil || o.shift > 100*365*24*time.Hour {
			return cli.Usagef("--shift %s is no time such as 1h or -2.5s", o.shiftText)
		}
		if back {
			o.shift = -o.shift
		}
	}
	return nil
}

// duplicates is how many packets --dedup has left out.
func (o *options) duplicates() uint64 {
	if o.dedup == nil {
		return 0
	}
	return o.dedup.Removed
}
