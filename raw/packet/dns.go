package packet

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// DomainName is a name as text, with or without the dot at the end: "www.example.com". "." is the root. A dot or a
// backslash that belongs to a label has a backslash before it, any other byte may be \DDD in decimal (RFC 1035,
// section 5.1). A label has 1 to 63 bytes, a name at most 255 on the wire.
type DomainName string

// DNS is a DNS message over UDP (RFC 1035, section 4). The question's name, type and class stand in the message
// itself: set Name and there is one, of type A and class IN unless Type and Class say otherwise; a message with none
// of the three has no question. Questions are those after the first. Counts are computed when left out. Names of
// questions and owners are compressed as servers do it; Data of records are written as they are.
type DNS struct {
	ID         uint16      `field:"id"`
	Flags      uint16      `field:"flags"` // from QR, 0x8000, to RCODE, the last four bits
	QDCount    Opt[uint16] `field:"qdcount"`
	ANCount    Opt[uint16] `field:"ancount"`
	NSCount    Opt[uint16] `field:"nscount"`
	ARCount    Opt[uint16] `field:"arcount"`
	Name       DomainName  `field:"qname"`
	Type       Opt[uint16] `field:"qtype"`
	Class      Opt[uint16] `field:"qclass"`
	Questions  []DNSRecord `field:"qd"` // of which only Name, Type and Class are written
	Answers    []DNSRecord `field:"an"`
	Authority  []DNSRecord `field:"ns"`
	Additional []DNSRecord `field:"ar"`
}

// DNSRecord is a resource record, or a question. The class is IN when left out; Length, that of Data, is computed.
type DNSRecord struct {
	Name   DomainName
	Type   uint16
	Class  Opt[uint16]
	TTL    uint32 // seconds
	Length Opt[uint16]
	Data   []byte
}

func (*DNS) layer() {}

// Numbers of RFC 1035 and 3596 that are used unasked.
const (
	dnsTypeA    = 1
	dnsTypeAAAA = 28
	dnsClassIN  = 1
	dnsResponse = 0x8000 // QR
	dnsRecurse  = 0x0100 // RD
)

var dnsTypeNames = map[string]uint64{"a": dnsTypeA, "ns": 2, "cname": 5, "soa": 6, "ptr": 12, "hinfo": 13, "mx": 15, "txt": 16, "aaaa": dnsTypeAAAA,
	"loc": 29, "srv": 33, "naptr": 35, "dname": 39, "opt": 41, "ds": 43, "sshfp": 44, "rrsig": 46, "nsec": 47, "dnskey": 48, "nsec3": 50,
	"tlsa": 52, "svcb": 64, "https": 65, "tsig": 250, "ixfr": 251, "axfr": 252, "any": 255, "caa": 257}

var dnsClassNames = map[string]uint64{"in": dnsClassIN, "ch": 3, "hs": 4, "none": 254, "any": 255}

// Bounds of RFC 1035, section 2.3.4, and how far a pointer of section 4.1.4 reaches.
const (
	maxLabel   = 63
	maxName    = 255
	maxPointer = 0x3fff
)

func (h *DNS) asks() bool { return h.Name != "" || h.Type.given || h.Class.given }

func (h *DNS) append(b []byte) ([]byte, error) {
	m := dnsMessage{start: len(b)}
	questions := len(h.Questions)
	if h.asks() {
		questions++
	}
	b = append16(b, h.ID, h.Flags, h.QDCount.Or(uint16(questions)), h.ANCount.Or(uint16(len(h.Answers))),
		h.NSCount.Or(uint16(len(h.Authority))), h.ARCount.Or(uint16(len(h.Additional))))
	var err error
	if h.asks() {
		if b, err = m.question(b, h.Name, h.Type.Or(dnsTypeA), h.Class.Or(dnsClassIN)); err != nil {
			return b, err
		}
	}
	for i := range h.Questions {
		q := &h.Questions[i]
		if b, err = m.question(b, q.Name, q.Type, q.Class.Or(dnsClassIN)); err != nil {
			return b, err
		}
	}
	for _, section := range [...][]DNSRecord{h.Answers, h.Authority, h.Additional} {
		for i := range section {
			if b, err = m.record(b, &section[i]); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

// dnsMessage is a message that is being written: where it starts, and the labels in it that a later name may point to.
type dnsMessage struct {
	start  int
	labels [64]label
	count  int
}

// label is where a label starts, and how many bytes the name from there on takes when it is not compressed: so names of
// other lengths need no comparison.
type label struct {
	offset uint16
	size   uint8
}

func (m *dnsMessage) question(b []byte, name DomainName, qtype, class uint16) ([]byte, error) {
	b, err := m.name(b, name)
	if err != nil {
		return b, err
	}
	return append16(b, qtype, class), nil
}

func (m *dnsMessage) record(b []byte, r *DNSRecord) ([]byte, error) {
	b, err := m.question(b, r.Name, r.Type, r.Class.Or(dnsClassIN))
	if err != nil {
		return b, err
	}
	if len(r.Data) > 0xffff && !r.Length.given {
		return b, fmt.Errorf("the record has %d bytes of data, its length can say 65535: give Length", len(r.Data))
	}
	b = binary.BigEndian.AppendUint32(b, r.TTL)
	b = binary.BigEndian.AppendUint16(b, r.Length.Or(uint16(len(r.Data))))
	return append(b, r.Data...), nil
}

// name writes a name; its longest end that stands in the message already becomes a pointer.
func (m *dnsMessage) name(b []byte, name DomainName) ([]byte, error) {
	at := len(b)
	b, err := appendName(b, name)
	if err != nil {
		return b, err
	}
	end, known := at, m.labels[:m.count]
	for ; b[end] != 0; end += 1 + int(b[end]) {
		size, offset := uint8(len(b)-end), end-m.start
		for _, earlier := range known {
			if earlier.size == size && sameName(b[m.start:], int(earlier.offset), offset) {
				return binary.BigEndian.AppendUint16(b[:end], 0xc000|earlier.offset), nil
			}
		}
		if m.count < len(m.labels) && offset <= maxPointer {
			m.labels[m.count] = label{uint16(offset), size}
			m.count++
		}
	}
	return b, nil
}

// sameName tells whether the name at one place of a message, which may end with a pointer, is the one at another.
func sameName(b []byte, one, other int) bool {
	for {
		for b[one]&0xc0 == 0xc0 {
			one = int(binary.BigEndian.Uint16(b[one:]) & maxPointer)
		}
		n := 1 + int(b[one])
		if string(b[one:one+n]) != string(b[other:other+n]) {
			return false
		}
		if n == 1 {
			return true
		}
		one, other = one+n, other+n
	}
}

// appendName writes a name as labels, without compression.
func appendName(b []byte, name DomainName) ([]byte, error) {
	start := len(b)
	if name == "." {
		name = ""
	}
	for rest := name; rest != ""; {
		at := len(b)
		b = append(b, 0)
		dot := false
		for rest != "" && !dot {
			c, size, ok := nameByte(rest)
			if !ok {
				return b, fmt.Errorf("the name %q has a backslash with neither three digits up to 255 nor one other character after it", name)
			}
			if dot = size == 1 && c == '.'; !dot {
				b = append(b, c)
			}
			rest = rest[size:]
		}
		switch n := len(b) - at - 1; {
		case n == 0:
			return b, fmt.Errorf("the name %q has an empty label", name)
		case n > maxLabel:
			return b, fmt.Errorf("the name %q has a label of %d bytes, at most %d fit", name, n, maxLabel)
		default:
			b[at] = byte(n)
		}
	}
	if b = append(b, 0); len(b)-start > maxName {
		return b, fmt.Errorf("the name %q takes %d bytes, at most %d fit", name, len(b)-start, maxName)
	}
	return b, nil
}

// nameByte returns the first byte that a name as text stands for, and how many characters it takes.
func nameByte(s DomainName) (c byte, size int, ok bool) {
	if s[0] != '\\' {
		return s[0], 1, true
	}
	if len(s) < 2 {
		return 0, 0, false
	}
	if !isDigit(s[1]) {
		return s[1], 2, true
	}
	if len(s) < 4 || !isDigit(s[2]) || !isDigit(s[3]) {
		return 0, 0, false
	}
	v := int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0')
	return byte(v), 4, v <= 255
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// readName reads the name at an offset of the message, pointers followed, and returns where it ends.
func readName(b []byte, at int) (name DomainName, end int, ok bool) {
	var s strings.Builder
	size := 1
	for limit := at; ; {
		if at >= len(b) {
			return "", 0, false
		}
		n := int(b[at])
		switch {
		case n == 0:
			if end == 0 {
				end = at + 1
			}
			if s.Len() == 0 {
				return ".", end, true
			}
			return DomainName(s.String()), end, true
		case n > maxLabel:
			if n < 0xc0 || at+2 > len(b) {
				return "", 0, false
			}
			if end == 0 {
				end = at + 2
			}
			if at = int(binary.BigEndian.Uint16(b[at:]) & maxPointer); at >= limit { // a pointer goes back, so that there is an end
				return "", 0, false
			}
			limit = at
			continue
		}
		if size += 1 + n; at+1+n > len(b) || size > maxName {
			return "", 0, false
		}
		if s.Len() > 0 {
			s.WriteByte('.')
		}
		for _, c := range b[at+1 : at+1+n] {
			switch {
			case c == '.' || c == '\\':
				s.WriteByte('\\')
				s.WriteByte(c)
			case c <= ' ' || c >= 0x7f || strings.IndexByte("\"'`$;&|<>()!,{}[]@=/", c) >= 0: // what the language or a shell reads otherwise
				fmt.Fprintf(&s, `\%03d`, c)
			default:
				s.WriteByte(c)
			}
		}
		at += 1 + n
	}
}

func (h *DNS) read(r *reader) content {
	h.ID, h.Flags = r.u16(), r.u16()
	counts := [...]Opt[uint16]{U16(r.u16()), U16(r.u16()), U16(r.u16()), U16(r.u16())}
	h.QDCount, h.ANCount, h.NSCount, h.ARCount = counts[0], counts[1], counts[2], counts[3]
	for i, section := range [...]*[]DNSRecord{&h.Questions, &h.Answers, &h.Authority, &h.Additional} {
		for range counts[i].value {
			if r.bad {
				return content{}
			}
			*section = append(*section, r.dnsRecord(i == 0))
		}
	}
	if len(h.Questions) > 0 {
		q := h.Questions[0]
		h.Name, h.Type, h.Class, h.Questions = q.Name, U16(q.Type), q.Class, h.Questions[1:]
	}
	return content{}
}

// dnsRecord reads a record, or of a question what it has.
func (r *reader) dnsRecord(question bool) (rec DNSRecord) {
	name, end, ok := readName(r.b, r.pos)
	if !ok {
		r.bad = true
		return rec
	}
	rec.Name, r.pos = name, end
	rec.Type, rec.Class = r.u16(), U16(r.u16())
	if rec.Class.value == dnsClassIN {
		rec.Class = Opt[uint16]{}
	}
	if !question {
		rec.TTL = r.u32()
		rec.Data = r.bytes(int(r.u16()))
	}
	return rec
}
