// Package datagram is what the datagram commands share: how an address is written, the flags of a socket, and how a
// datagram and what the network said about one are printed.
package datagram

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"sockwire/cmd/internal/cli"
	"sockwire/dgram"
)

// Socket holds the flags of a socket.
type Socket struct {
	Four, Six         bool
	Interface         string
	ttl, tos          int
	ecn               string
	df                string
	broadcast, noLoop bool
	readBuf, writeBuf int64
}

// AddFlags defines them.
func (s *Socket) AddFlags(c *cli.Command) { s.addFlags(c, "t", "b") }

// AddLongFlags defines them without the letters -t and -b, which mean a time and a rate to users of iperf.
func (s *Socket) AddLongFlags(c *cli.Command) { s.addFlags(c, "", "") }

func (s *Socket) addFlags(c *cli.Command, ttl, broadcast string) {
	f := c.Flags
	f.BoolVarP(&s.Four, "ipv4", "4", false, "IPv4 only")
	f.BoolVarP(&s.Six, "ipv6", "6", false, "IPv6 only")
	f.StringVarP(&s.Interface, "interface", "I", "", "send and receive through `INTERFACE` only")
	f.IntVarP(&s.ttl, "ttl", ttl, 0, "time to live or hop limit `N`, 1 to 255; also of multicast, where 1 is the default")
	f.IntVar(&s.tos, "tos", 0, "DSCP and ECN byte `N`, 0 to 255 (0x… is hexadecimal)")
	f.StringVar(&s.ecn, "ecn", "", "ECN `BITS`: not, ect0, ect1 or ce")
	f.StringVar(&s.df, "df", "", "don't fragment: `MODE` is do, dont or probe (ignore the known path MTU)")
	c.Values("ecn", "not", "ect0", "ect1", "ce")
	c.Values("df", "do", "dont", "probe")
	f.BoolVarP(&s.broadcast, "broadcast", broadcast, false, "allow broadcast addresses")
	f.BoolVar(&s.noLoop, "no-loop", false, "keep own multicast from this host")
	cli.SizeVar(f, &s.readBuf, "rcvbuf", "", 0, "ask for a receive buffer of `SIZE`; what was granted is told with -v")
	cli.SizeVar(f, &s.writeBuf, "sndbuf", "", 0, "ask for a send buffer of `SIZE`")
}

// Ignore takes flags of nc that ask for what is so anyway, by their letters.
func Ignore(f *pflag.FlagSet, letters ...string) {
	for _, letter := range letters {
		f.BoolP("nc-"+letter, letter, false, "")
		_ = f.MarkHidden("nc-" + letter)
	}
}

// Config is the configuration that the flags ask for.
func (s *Socket) Config() (*dgram.Config, error) {
	if s.Four && s.Six {
		return nil, cli.Usagef("-4 and -6 exclude each other")
	}
	if s.ttl < 0 || s.ttl > 255 {
		return nil, cli.Usagef("--ttl is 1 to 255, not %d", s.ttl)
	}
	if s.tos < 0 || s.tos > 255 {
		return nil, cli.Usagef("--tos is 0 to 255, not %d", s.tos)
	}
	ecn, ok := map[string]int{"": s.tos & 3, "not": 0, "ect1": 1, "ect0": 2, "ce": 3}[s.ecn]
	if !ok {
		return nil, cli.Usagef("--ecn is not, ect0, ect1 or ce, not %q", s.ecn)
	}
	df, ok := map[string]dgram.Fragmentation{"": dgram.FragmentDefault, "do": dgram.FragmentForbid, "dont": dgram.FragmentAllow, "probe": dgram.FragmentProbe}[s.df]
	if !ok {
		return nil, cli.Usagef("--df is do, dont or probe, not %q", s.df)
	}
	if max(s.readBuf, s.writeBuf) > 1<<30 {
		return nil, cli.Usagef("a buffer of more than 1 GiB is more than the kernel can count")
	}
	return &dgram.Config{
		Interface: s.Interface, TTL: s.ttl, MulticastTTL: s.ttl, TOS: s.tos&^3 | ecn, Fragmentation: df, Broadcast: s.broadcast,
		NoLoop: s.noLoop, ReadBuffer: int(s.readBuf), WriteBuffer: int(s.writeBuf),
	}, nil
}

// ECNName is the name of the two ECN bits in a TOS byte (RFC 3168 section 5).
func ECNName(tos uint8) string { return [...]string{"not", "ect1", "ect0", "ce"}[tos&3] }

// Record is a datagram as a JSON record. Fields that the system did not tell are absent.
type Record struct {
	Type      string    `json:"type"`
	Time      time.Time `json:"time"`
	From      string    `json:"from"`
	To        string    `json:"to,omitempty"`
	Interface string    `json:"interface,omitempty"`
	Size      int       `json:"size"`
	TTL       uint8     `json:"ttl,omitempty"`
	TOS       uint8     `json:"tos"`
	ECN       string    `json:"ecn"`
	Truncated bool      `json:"truncated,omitempty"`
	Dropped   uint32    `json:"dropped,omitempty"`
	PID       int       `json:"pid,omitempty"`
	UID       *int      `json:"uid,omitempty"`
	GID       *int      `json:"gid,omitempty"`
	Files     int       `json:"files,omitempty"`
	Saved     string    `json:"saved,omitempty"` // the file that the payload was written to
	RTT       int64     `json:"rtt_ns,omitempty"`
	Tries     int       `json:"tries,omitempty"`
	Text      *string   `json:"text,omitempty"` // when the payload is UTF-8
	Hex       string    `json:"payload_hex"`
}

// NewRecord describes d.
func NewRecord(kind string, d *dgram.Datagram) Record {
	r := Record{
		Type: kind, Time: d.Time, From: d.From.String(), Interface: d.Interface, Size: len(d.Payload), TTL: d.TTL, TOS: d.TOS,
		ECN: ECNName(d.TOS), Truncated: d.Truncated, Dropped: d.Dropped, Files: len(d.Files), Hex: hex.EncodeToString(d.Payload),
	}
	if d.To.IsValid() {
		r.To = d.To.String()
	}
	if d.Credentials.Valid {
		r.PID, r.UID, r.GID = d.Credentials.PID, &d.Credentials.UID, &d.Credentials.GID
	}
	if utf8.Valid(d.Payload) {
		s := string(d.Payload)
		r.Text = &s
	}
	return r
}

// Report is what the network said about a datagram, as a JSON record.
type Report struct {
	Type     string `json:"type"`
	To       string `json:"to"`
	From     string `json:"from,omitempty"` // absent when this host said it
	ICMPType uint8  `json:"icmp_type"`
	ICMPCode uint8  `json:"icmp_code"`
	MTU      int    `json:"mtu,omitempty"`
	Error    string `json:"error"`
}

// NewReport describes e.
func NewReport(e *dgram.NetworkError) Report {
	r := Report{Type: "error", To: e.To.String(), ICMPType: e.Type, ICMPCode: e.Code, MTU: e.MTU, Error: e.Err.Error()}
	if e.From.IsValid() {
		r.From = e.From.String()
	}
	return r
}

// Format is how a payload is printed.
type Format string

// Formats.
const (
	Text Format = "text" // escaped, one line a datagram
	Hex  Format = "hex"  // offset, bytes, characters
	Raw  Format = "raw"  // the bytes and nothing else
	JSON Format = "json" // one record a datagram
	None Format = "none"
)

// Set reads a format, for pflag.
func (f *Format) Set(s string) error {
	switch v := Format(s); v {
	case Text, Hex, Raw, JSON, None:
		*f = v
		return nil
	}
	if IsPort(s) {
		return fmt.Errorf("%q is none of text, hex, raw, json, none; a port is a part of an address: dgrecv :%[1]s, dgsend --from :%[1]s", s)
	}
	return fmt.Errorf("%q is none of text, hex, raw, json, none", s)
}

func (f *Format) String() string { return string(*f) }

// Type names the kind of value, for pflag.
func (f *Format) Type() string { return "format" }

// AppendHex appends p as lines of offset, sixteen bytes and their characters.
func AppendHex(b, p []byte) []byte {
	for i := 0; i < len(p); i += 16 {
		row := p[i:min(i+16, len(p))]
		b = fmt.Appendf(b, "  %04x ", i)
		for k := range 16 {
			if k < len(row) {
				b = fmt.Appendf(b, " %02x", row[k])
			} else {
				b = append(b, "   "...)
			}
		}
		b = append(b, "  "...)
		for _, c := range row {
			if c < 0x20 || c > 0x7e {
				c = '.'
			}
			b = append(b, c)
		}
		b = append(b, '\n')
	}
	return b
}

// Describe is one line about d, without its payload. Names from outside are escaped.
func Describe(d *dgram.Datagram) string {
	var b strings.Builder
	b.WriteString(d.Time.Format("15:04:05.000000"))
	b.WriteString(" " + cli.Escape(d.From.String()))
	if d.To.IsValid() {
		b.WriteString(" > " + d.To.String())
	}
	if d.Interface != "" {
		b.WriteString(" on " + cli.Escape(d.Interface))
	}
	if d.TTL != 0 {
		fmt.Fprintf(&b, " ttl %d", d.TTL)
	}
	if d.TOS != 0 {
		fmt.Fprintf(&b, " tos %#02x", d.TOS)
		if d.ECN() != 0 {
			b.WriteString(" ecn " + ECNName(d.TOS))
		}
	}
	if c := d.Credentials; c.Valid {
		fmt.Fprintf(&b, " pid %d uid %d gid %d", c.PID, c.UID, c.GID)
	}
	if n := len(d.Files); n > 0 {
		fmt.Fprintf(&b, " files %d", n)
	}
	fmt.Fprintf(&b, " length %d", len(d.Payload))
	if d.Truncated {
		b.WriteString(" TRUNCATED")
	}
	return b.String()
}
