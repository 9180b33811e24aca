package decode

import (
	"math"
	"time"

	"sockwire/capture"
)

// TimeFormat chooses how a line starts.
type TimeFormat uint8

// Time formats, those of tcpdump's -t to -ttttt.
const (
	TimeClock TimeFormat = iota // 15:04:05.123456
	TimeNone
	TimeEpoch    // seconds since 1970
	TimePrevious // since the previous packet, from History
	TimeDate     // 2006-01-02 15:04:05.123456
	TimeFirst    // since the first packet, from History
)

// Occurrence says which values of a field that a packet has several times are shown in a column.
type Occurrence uint8

const (
	AllOccurrences Occurrence = iota
	FirstOccurrence
	LastOccurrence
)

// loadedLayer is where the fields of a layer are among all that were found.
type loadedLayer struct {
	from, to int
	done     bool
}

// Printer renders Packets. The zero value prints tcpdump's kind of line with local time in microseconds.
// The Append functions add to a buffer of the caller and do not allocate for common packets, beyond what
// the buffer needs to grow; application layers may. A Printer remembers the second that it printed last:
// give each goroutine its own.
//
// Everything that comes out of a packet is escaped, see AppendEscaped.
type Printer struct {
	Time        TimeFormat
	Nanoseconds bool           // nine digits instead of six
	Location    *time.Location // nil is local time
	// Names are those of the interfaces by Frame.Interface; when set, each line names the interface and the direction.
	Names []string
	// Number prints the number of the packet first.
	Number bool
	// Link prints the addresses of the link layer.
	Link bool
	// Absolute prints absolute TCP sequence numbers. Relative ones need History.
	Absolute bool
	// Applications renders the layers above the transport; nil leaves them as bytes.
	Applications Applications

	// Occurrence and Aggregator are of columns: which of several values are shown, and what stands between them, a comma
	// where it is "".
	Occurrence Occurrence
	Aggregator string

	value  []byte                 // of a column
	single []Field                // that was read alone for one
	loaded [MaxLayers]loadedLayer // whose fields were found for columns
	clock  second                 // of lines
	stamp  second                 // of JSON
	fields []Field
}

// second is the text of the second printed last, so that it is not made anew for each packet.
type second struct {
	text [32]byte
	n    int
	at   int64
}

// Applications renders application layers. Package app has one.
type Applications interface {
	// AppendLine adds what a line says of layer i, without a line end, and reports whether it could.
	AppendLine(b []byte, p *Packet, i int) ([]byte, bool)
	// AppendFields adds the fields of layer i.
	AppendFields(dst []Field, p *Packet, i int) []Field
}

func (r *Printer) appendTime(b []byte, p *Packet) []byte {
	t := p.Frame.Time
	switch r.Time {
	case TimeNone:
		return b
	case TimePrevious:
		return append(r.appendDuration(b, p.sincePrevious), ' ')
	case TimeFirst:
		return append(r.appendDuration(b, p.sinceFirst), ' ')
	}
	if t.IsZero() {
		return append(b, "(no time) "...)
	}
	sec := t.Unix()
	if r.Time == TimeEpoch && sec < 0 { // the fraction of a negative number goes away from 0
		n := len(b)
		if b = appendEpoch(b, t); !r.Nanoseconds {
			b = b[:max(len(b)-3, n)]
		}
		return append(b, ' ')
	}
	if c := &r.clock; c.n == 0 || sec != c.at {
		c.at, c.n = sec, len(r.appendSecond(c.text[:0], t, sec))
	}
	b = append(b, r.clock.text[:r.clock.n]...)
	return append(r.appendFraction(b, t.Nanosecond()), ' ')
}

func (r *Printer) appendSecond(b []byte, t time.Time, sec int64) []byte {
	if r.Time == TimeEpoch {
		return appendInt(b, int(sec))
	}
	t = t.Local()
	if r.Location != nil {
		t = t.In(r.Location)
	}
	if r.Time == TimeDate {
		return t.AppendFormat(b, time.DateTime)
	}
	return t.AppendFormat(b, time.TimeOnly)
}

// appendFraction adds the point and the digits below a second.
func (r *Printer) appendFraction(b []byte, ns int) []byte {
	digits, n := 6, uint32(ns)/1000
	if r.Nanoseconds {
		digits, n = 9, uint32(ns)
	}
	b = append(b, ".000000000"[:1+digits]...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = '0' + byte(n%10)
		n /= 10
	}
	return b
}

func (r *Printer) appendDuration(b []byte, d time.Duration) []byte {
	if d < 0 {
		b, d = append(b, '-'), -max(d, -math.MaxInt64)
	}
	s := int64(d / time.Second)
	h, m := s/3600, s/60%60
	if h < 10 {
		b = append(b, '0')
	}
	b = append(appendInt(b, int(h)), ':', '0'+byte(m/10), '0'+byte(m%10), ':', '0'+byte(s%60/10), '0'+byte(s%10))
	return r.appendFraction(b, int(d%time.Second))
}

func (r *Printer) appendInterface(b []byte, p *Packet) []byte {
	if i := p.Frame.Interface; uint(i) < uint(len(r.Names)) {
		b = AppendEscaped(b, []byte(r.Names[i]))
		b = append(b, ' ')
	}
	if p.n > 0 && (p.layers[0].Type == TypeSLL || p.layers[0].Type == TypeSLL2) {
		return b // appendCooked tells the direction
	}
	switch p.Frame.Direction {
	case capture.DirectionIn:
		b = append(b, "In  "...)
	case capture.DirectionOut:
		b = append(b, "Out "...)
	}
	return b
}
