// Package edit chooses and changes the frames of a capture: by their numbers, without duplicates, at other times.
package edit

import (
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"strings"
	"time"

	"sockwire/capture"
)

// Numbers are the numbers of packets, from 1, in order and apart from each other.
type Numbers []Range

// Range is the numbers from First to Last, both included.
type Range struct{ First, Last uint64 }

// ParseNumbers reads numbers and ranges with commas between, such as 1-10,15,20-. An open range goes to the end. They
// may come in any order and overlap. An error names the column of what is wrong, from 1.
func ParseNumbers(s string) (Numbers, error) {
	var list Numbers
	column := 1
	for part := range strings.SplitSeq(s, ",") {
		first, last, ranged := strings.Cut(part, "-")
		r := Range{First: 1}
		var err error
		if first != "" || !ranged {
			r.First, err = strconv.ParseUint(first, 10, 63)
		}
		switch {
		case !ranged:
			r.Last = r.First
		case last == "":
			r.Last = math.MaxUint64
		case err == nil:
			r.Last, err = strconv.ParseUint(last, 10, 63)
		}
		if err != nil || part == "-" || r.First == 0 {
			return nil, fmt.Errorf("column %d: %q is no number of a packet, and no range such as 1-10", column, part)
		}
		if r.First > r.Last {
			return nil, fmt.Errorf("column %d: the range %s goes backwards", column, part)
		}
		list = list.add(r)
		column += len(part) + 1
	}
	return list, nil
}

// add puts r among the ranges and joins those that it touches.
func (n Numbers) add(r Range) Numbers {
	out := make(Numbers, 0, len(n)+1)
	for _, x := range n {
		switch {
		case x.Last < r.First && x.Last+1 < r.First:
			out = append(out, x)
		case r.Last < x.First && r.Last+1 < x.First:
			out, r = append(out, r), x
		default:
			r = Range{min(r.First, x.First), max(r.Last, x.Last)}
		}
	}
	return append(out, r)
}

// Contains tells whether a number is among them.
func (n Numbers) Contains(number uint64) bool {
	for _, r := range n {
		if number <= r.Last {
			return number >= r.First
		}
	}
	return false
}

// Last is the greatest of them, 0 where there are none.
func (n Numbers) Last() uint64 {
	if len(n) == 0 {
		return 0
	}
	return n[len(n)-1].Last
}

// Duplicates finds frames that are the same, bytes and length, as one of those shortly before: a capture on several
// interfaces, or at a mirror port, sees packets twice.
type Duplicates struct {
	Packets int           // how many frames before are looked at; 0 means 5
	Within  time.Duration // frames that are further apart in time are none; 0 sets no limit
	Removed uint64        // how many Duplicate has found

	seed  maphash.Seed
	ring  []look // of the last frames
	count uint64 // frames so far
	last  map[look]sight
}

// look is what duplicates have in common, sight where a frame was seen with it last.
type look struct {
	sum    uint64
	length int
}

type sight struct {
	number uint64
	time   time.Time
}

// Duplicate tells whether f is one, and remembers f.
func (d *Duplicates) Duplicate(f *capture.Frame) bool {
	if d.ring == nil {
		d.seed, d.last = maphash.MakeSeed(), make(map[look]sight)
		if d.Packets <= 0 {
			d.Packets = 5
		}
		d.ring = make([]look, d.Packets)
	}
	now := look{maphash.Bytes(d.seed, f.Data), f.Length}
	before, found := d.last[now]
	found = found && (d.Within <= 0 || f.Time.Sub(before.time).Abs() <= d.Within)
	oldest := &d.ring[d.count%uint64(len(d.ring))]
	if d.count >= uint64(len(d.ring)) && d.last[*oldest].number == d.count-uint64(len(d.ring)) {
		delete(d.last, *oldest)
	}
	*oldest = now
	d.last[now] = sight{d.count, f.Time}
	d.count++
	if found {
		d.Removed++
	}
	return found
}

// Shift moves the time of f, if it has one.
func Shift(f *capture.Frame, by time.Duration) {
	if !f.Time.IsZero() {
		f.Time = f.Time.Add(by)
	}
}
