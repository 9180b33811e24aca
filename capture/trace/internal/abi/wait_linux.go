package abi

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// Limits of what is read and kept of one call that waits.
const (
	MaxWaits    = 1024    // descriptors, or events that are returned
	maxSelected = 1 << 16 // numbers of descriptors in the sets of select(2)
	shownWaits  = 8

	pollSize = 8 // struct pollfd
	// EventSize is the size of struct epoll_event, which is packed on amd64 alone, and eventData where its data stands.
	EventSize = int(unsafe.Sizeof(unix.EpollEvent{}))
	eventData = int(unsafe.Offsetof(unix.EpollEvent{}.Fd))
)

var epollOps = map[int]string{unix.EPOLL_CTL_ADD: "EPOLL_CTL_ADD", unix.EPOLL_CTL_DEL: "EPOLL_CTL_DEL", unix.EPOLL_CTL_MOD: "EPOLL_CTL_MOD"}

// enterWait fills in what a call waits for, and tells whether it is such a call.
func (d *Decoder) enterWait(c *trace.Call, a [6]uint64) bool {
	switch c.Name {
	case "poll", "ppoll":
		c.Args = []trace.Arg{word("fds", d.polled(c, a[0], int(uint32(a[1])))), number("nfds", int64(uint32(a[1])))}
		if c.Name == "poll" {
			c.Args = append(c.Args, number("timeout", int64(int32(a[2]))))
		} else {
			c.Args = append(c.Args, d.timeout(a[2], time.Nanosecond))
		}
	case "select", "pselect6":
		unit := time.Microsecond
		if c.Name == "pselect6" {
			unit = time.Nanosecond
		}
		c.Args = append([]trace.Arg{number("nfds", int64(int32(a[0])))}, d.selected(c, a)...)
		c.Args = append(c.Args, d.timeout(a[4], unit))
	case "epoll_create":
		c.Args = []trace.Arg{number("size", int64(int32(a[0])))}
	case "epoll_create1":
		flags := fmt.Sprintf("%#x", uint32(a[0]))
		if uint32(a[0]) == unix.EPOLL_CLOEXEC {
			flags = "EPOLL_CLOEXEC"
		}
		c.Args = []trace.Arg{word("flags", flags)}
	case "epoll_ctl":
		c.Args = []trace.Arg{number("epfd", int64(int32(a[0]))), word("op", nameOr(epollOps, int(int32(a[1])))), number("fd", int64(int32(a[2])))}
		if b := d.whole(a[3], EventSize); b != nil && int32(a[1]) != unix.EPOLL_CTL_DEL {
			events, value := d.event(b)
			names := strings.Join(events.Names(c.Name), "|")
			c.Args = append(c.Args, trace.Arg{Name: "events", Kind: trace.ArgName, Text: names, Int: int64(events)},
				trace.Arg{Name: "data", Kind: trace.ArgName, Text: fmt.Sprintf("%#x", value), Int: int64(value)})
		}
	case "epoll_wait", "epoll_pwait", "epoll_pwait2":
		c.Args = []trace.Arg{number("epfd", int64(int32(a[0]))), number("maxevents", int64(int32(a[2])))}
		if c.Name == "epoll_pwait2" {
			c.Args = append(c.Args, d.timeout(a[3], time.Nanosecond))
		} else {
			c.Args = append(c.Args, number("timeout", int64(int32(a[3]))))
		}
	default:
		return false
	}
	return true
}

// leaveWait fills in what the call found to be ready.
func (d *Decoder) leaveWait(c *trace.Call, a [6]uint64) {
	if c.Result <= 0 {
		return
	}
	switch c.Name {
	case "poll", "ppoll":
		b := d.bytes(a[0], min(int(uint32(a[1])), MaxWaits)*pollSize)
		for ; len(b) >= pollSize; b = b[pollSize:] {
			if got := trace.Readiness(order.Uint16(b[6:])); got != 0 {
				c.Ready = append(c.Ready, trace.Wait{FD: int(int32(order.Uint32(b))), Events: got})
			}
		}
	case "select", "pselect6":
		c.Ready, _ = d.sets(a)
	case "epoll_wait", "epoll_pwait", "epoll_pwait2":
		b := d.bytes(a[1], min(int(c.Result), MaxWaits)*EventSize)
		for ; len(b) >= EventSize; b = b[EventSize:] {
			events, value := d.event(b)
			c.Ready = append(c.Ready, trace.Wait{FD: -1, Events: events, Data: value})
		}
	}
}

// event reads a struct epoll_event.
func (d *Decoder) event(b []byte) (trace.Readiness, uint64) {
	return trace.Readiness(order.Uint32(b)), order.Uint64(b[eventData:])
}

// polled reads an array of struct pollfd for the call, and says what is in it. The kernel passes over negative numbers.
func (d *Decoder) polled(c *trace.Call, at uint64, n int) string {
	b := d.bytes(at, min(n, MaxWaits)*pollSize)
	c.Unlisted = max(n-MaxWaits, 0)
	var shown []string
	for i := 0; len(b) >= pollSize; b, i = b[pollSize:], i+1 {
		w := trace.Wait{FD: int(int32(order.Uint32(b))), Events: trace.Readiness(order.Uint16(b[4:]))}
		if i < shownWaits {
			shown = append(shown, strings.TrimSpace(fmt.Sprintf("%d %s", w.FD, strings.Join(w.Events.Names(c.Name), "|"))))
		}
		if w.FD >= 0 {
			c.Waits = append(c.Waits, w)
		}
	}
	if n > shownWaits {
		shown = append(shown, "…")
	}
	return "[" + strings.Join(shown, ", ") + "]"
}

// sets reads the three sets of select(2): each descriptor that is in one of them, in order, and how many there are
// beyond the limit.
func (d *Decoder) sets(a [6]uint64) (all []trace.Wait, more int) {
	n := int(int32(a[0]))
	if n <= 0 {
		return nil, 0
	}
	n = min(n, maxSelected)
	size := (n + 63) / 64 * 8
	var sets [3][]byte
	for i := range sets {
		sets[i] = d.bytes(a[1+i], size)
	}
	member := func(set []byte, at int) uint64 {
		if at+8 > len(set) {
			return 0
		}
		return binary.LittleEndian.Uint64(set[at:])
	}
	for at := 0; at < size; at += 8 {
		in, out, except := member(sets[0], at), member(sets[1], at), member(sets[2], at)
		for any := in | out | except; any != 0; any &= any - 1 {
			bit := bits.TrailingZeros64(any)
			w := trace.Wait{FD: at*8 + bit}
			if w.FD >= n {
				break
			}
			if len(all) == MaxWaits {
				more++
				continue
			}
			for _, s := range []struct {
				set   uint64
				event trace.Readiness
			}{{in, trace.Readable}, {out, trace.Writable}, {except, trace.Urgent}} {
				if s.set>>bit&1 != 0 {
					w.Events |= s.event
				}
			}
			all = append(all, w)
		}
	}
	return all, more
}

// selected reads the sets for the call and shows each of them.
func (d *Decoder) selected(c *trace.Call, a [6]uint64) []trace.Arg {
	c.Waits, c.Unlisted = d.sets(a)
	var args []trace.Arg
	for i, s := range []struct {
		name  string
		event trace.Readiness
	}{{"readfds", trace.Readable}, {"writefds", trace.Writable}, {"exceptfds", trace.Urgent}} {
		if a[1+i] == 0 {
			args = append(args, word(s.name, "NULL"))
			continue
		}
		var shown []string
		for _, w := range c.Waits {
			if w.Events&s.event == 0 {
				continue
			}
			if len(shown) == shownWaits {
				shown = append(shown, "…")
				break
			}
			shown = append(shown, fmt.Sprint(w.FD))
		}
		args = append(args, word(s.name, "["+strings.Join(shown, " ")+"]"))
	}
	return args
}

// timeout reads a struct timespec, or a struct timeval whose second part counts another unit. NULL is for ever.
func (d *Decoder) timeout(at uint64, unit time.Duration) trace.Arg {
	if at == 0 {
		return word("timeout", "NULL")
	}
	b := d.whole(at, 16)
	if b == nil {
		return word("timeout", fmt.Sprintf("%#x", at))
	}
	seconds, part := int64(order.Uint64(b)), int64(order.Uint64(b[8:]))
	if seconds < 0 || seconds > 1<<32 || part < 0 || part >= int64(time.Second/unit) {
		return word("timeout", fmt.Sprintf("{%d, %d}", seconds, part)) // not a time, or longer than one can wait
	}
	return word("timeout", (time.Duration(seconds)*time.Second + time.Duration(part)*unit).String())
}
