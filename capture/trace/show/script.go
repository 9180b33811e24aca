package show

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sockwire/capture/trace"
	"sockwire/raw/wire"
	"strings"
	"time"
)

// Script collects what one TCP or UDP socket did and writes it as a packetdrill script: the calls of its program
// with their results, and the packets as its host sent (>) and received (<) them. The zero value is ready.
type Script struct {
	// Limit is how many calls and packets are kept, 0 for 10,000. Those after are counted.
	Limit int

	calls   []*trace.CallRecord
	packets []*trace.PacketRecord
	left    int // out
}

// ErrNoScript says that nothing was collected which a packetdrill script can show.
var ErrNoScript = errors.New("trace: no TCP or UDP socket with a packet or a call that a packetdrill script can show")

// Add collects the calls and packets of a timeline. None may be given twice.
func (s *Script) Add(t *trace.Timeline) {
	limit := cmp.Or(s.Limit, 10_000)
	full := func() bool {
		if len(s.calls)+len(s.packets) < limit {
			return false
		}
		s.left++
		return true
	}
	for _, c := range t.Calls {
		if c.On == nil {
			c.On = t.Made(c.Number)
		}
		if c.On != nil && scriptable(c.On) && !full() {
			s.calls = append(s.calls, c)
		}
	}
	for _, p := range t.Packets {
		if (scriptable(p.From) || scriptable(p.To)) && !full() {
			s.packets = append(s.packets, p)
		}
	}
}

func scriptable(s *trace.Socket) bool {
	return s != nil && s.Internet() && (s.Kind == trace.KindStream || s.Kind == trace.KindDatagram && !s.Ping())
}

// choose finds the socket to show: the one with that name, or the one that sent the first packet, a stream before
// datagrams.
func (s *Script) choose(name string) *trace.Socket {
	var found *trace.Socket
	look := func(k *trace.Socket) {
		switch {
		case !scriptable(k) || name != "" && k.Name != name || k.Listens >= 0 && name == "":
		case found == nil, found.Kind != trace.KindStream && k.Kind == trace.KindStream:
			found = k
		}
	}
	for _, p := range s.packets {
		look(p.From)
		look(p.To)
	}
	for _, c := range s.calls {
		look(c.On)
	}
	return found
}

// line is a line of the script.
type line struct {
	at, end time.Duration // end is -1 for what does not block
	order   int           // of lines at the same time
	text    string
}

// Append appends the script of the socket with that name, "" for the one that sent the first packet. The error is
// ErrNoScript.
func (s *Script) Append(b []byte, name string) ([]byte, error) {
	of := s.choose(name)
	if of == nil {
		return b, ErrNoScript
	}
	w := &scriptWriter{of: of}
	w.packets(s.packets)
	w.calls(s.calls)
	slices.SortStableFunc(w.lines, func(x, y line) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.order, y.order)) })

	b = append(b, "// packetdrill: what was seen of "+w.title()+"\n"...)
	b = append(b, "// Ports and addresses are packetdrill's own; > left the host, < came to it.\n"...)
	if s.left > 0 {
		b = fmt.Appendf(b, "// %d calls and packets after these are left out.\n", s.left)
	}
	if of.Family == trace.FamilyIPv6 {
		b = append(b, "--ip_version=ipv6\n\n"...)
	}
	last := time.Duration(math.MinInt64)
	for _, l := range w.lines {
		if l.text[0] == '/' {
			b = append(append(b, l.text...), '\n')
			continue
		}
		stamp, base := "0", l.at
		if last != math.MinInt64 {
			stamp, base = "+"+seconds(l.at-last), last
		}
		if l.end >= 0 {
			stamp += "..." + seconds(max(l.end-base, 0))
		}
		b = fmt.Appendf(b, "%s %s\n", stamp, l.text)
		last = l.at
	}
	return b, nil
}

// seconds writes a duration as packetdrill reads it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", max(d, 0).Seconds()) }

type scriptWriter struct {
	of    *trace.Socket
	lines []line
	came  []time.Duration // when packets came to the host
}

func (w *scriptWriter) title() string {
	kind := "TCP"
	if w.of.Kind == trace.KindDatagram {
		kind = "UDP"
	}
	s := fmt.Sprintf("%s socket %s", kind, w.of.Name)
	if w.of.Actor != "" {
		s += " of " + comment(w.of.Actor)
	}
	if l, r := w.of.Local.IP, w.of.Remote.IP; l.IsValid() && r.IsValid() {
		s += fmt.Sprintf(", %s and %s", l, r)
	}
	return s
}

// comment makes text from outside fit for the rest of a line.
func comment(s string) string { return strings.ReplaceAll(escape(s), "\\n", " ") }

func (w *scriptWriter) add(l line) { w.lines = append(w.lines, l) }

// is tells whether a socket is the one that is shown.
func (w *scriptWriter) is(s *trace.Socket) bool { return s != nil && s.Name == w.of.Name }

// packets writes the packets of the socket.
func (w *scriptWriter) packets(all []*trace.PacketRecord) {
	for _, p := range all {
		direction := "<"
		switch {
		case w.is(p.From):
			direction = ">"
		case !w.is(p.To):
			continue
		default:
			w.came = append(w.came, p.Time)
		}
		for _, text := range packetScript(p, direction) {
			w.add(line{p.Time, -1, 1, text})
		}
	}
}

// script is the packet in packetdrill's notation; a super-packet as the segments it stands for.
func packetScript(p *trace.PacketRecord, direction string) []string {
	switch {
	case p.Fragment.Is && p.Fragment.Offset > 0:
		return []string{fmt.Sprintf("// %s fragment %d+%d of it", direction, p.Fragment.Offset, p.PayloadLength)}
	case p.TCP != nil && p.Relative:
		return scriptSegments(p, direction)
	case p.UDP != nil:
		return []string{fmt.Sprintf("%s udp (%d)", direction, max(p.UDP.Length-8, 0))}
	case p.ICMP != nil && p.ICMP.Quote != nil:
		if text := icmpScript(p.ICMP, p.Protocol == trace.ProtoICMPv6); text != "" {
			return []string{direction + " icmp " + text}
		}
	}
	return []string{"// " + direction + " " + comment(p.Line())}
}

// script names an ICMP error and what it quotes; "" for those that packetdrill has no name for.
func icmpScript(i *trace.ICMP, v6 bool) string {
	names := []string{"net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable"}
	of := i.Type == 3
	if v6 {
		names, of = []string{"net_unreachable", "", "", "address_unreachable", "port_unreachable"}, i.Type == 1
	}
	if !of || int(i.Code) >= len(names) || names[i.Code] == "" {
		return ""
	}
	s := "unreachable " + names[i.Code]
	if i.Quote.Protocol == trace.ProtoUDP {
		s += fmt.Sprintf(" [udp (%d)]", max(i.Quote.Length-8, 0))
	}
	return s
}

func scriptSegments(p *trace.PacketRecord, direction string) []string {
	size := p.PayloadLength
	if p.Segments > 1 && p.SegmentSize > 0 {
		size = p.SegmentSize
	}
	size = max(min(size, math.MaxUint16), 1)
	var all []string
	for at := 0; ; at += size {
		n := min(size, p.PayloadLength-at)
		last := at+n >= p.PayloadLength
		flags := p.TCP.Flags
		if !last {
			flags &^= wire.PSH | wire.FIN
		}
		from := uint32(p.FromSeq + int64(at))
		s := fmt.Sprintf("%s %s %d:%d(%d)", direction, flagsScript(flags), from, from+uint32(n), n)
		if p.TCP.Flags&wire.ACK != 0 && p.AckRelative {
			s += fmt.Sprintf(" ack %d", uint32(p.AckSeq))
		}
		if direction == "<" {
			s += fmt.Sprintf(" win %d", p.TCP.Window)
		}
		all = append(all, s+scriptOptions(p, direction))
		if last {
			return all
		}
	}
}

// flagsScript is as packetdrill writes flags, whose word for none is "-".
func flagsScript(f wire.TCPFlags) string {
	if f == 0 {
		return "-"
	}
	return f.String()
}

// scriptOptions are the options of a segment. Where one has no name in packetdrill, <...> stands for those of a
// packet that leaves, and it is left out of one that comes.
func scriptOptions(p *trace.PacketRecord, direction string) string {
	var all []string
	for o := range wire.TCPOptions(p.TCP.Options) {
		if o.Cut || o.Kind == wire.TCPOptionEnd {
			break
		}
		switch v := o.Data; {
		case o.Kind == wire.TCPOptionNop:
			all = append(all, "nop")
		case o.Kind == wire.TCPOptionMSS && len(v) == 2:
			all = append(all, fmt.Sprintf("mss %d", binary.BigEndian.Uint16(v)))
		case o.Kind == wire.TCPOptionWindowScale && len(v) == 1:
			all = append(all, fmt.Sprintf("wscale %d", v[0]))
		case o.Kind == wire.TCPOptionSACKPermitted && len(v) == 0:
			all = append(all, "sackOK")
		case o.Kind == wire.TCPOptionSACK && len(v)%8 == 0 && len(v) > 0:
			all = append(all, "sack "+sackBlocks(p, v))
		case o.Kind == wire.TCPOptionTimestamps && len(v) == 8:
			all = append(all, fmt.Sprintf("TS val %d ecr %d", binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])))
		case o.Kind == wire.TCPOptionFastOpen:
			cookie := ""
			if len(v) > 0 {
				cookie = fmt.Sprintf(" %x", v)
			}
			all = append(all, "FO"+cookie)
		case direction == ">":
			return " <...>"
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " <" + strings.Join(all, ",") + ">"
}

// sackBlocks are relative to the other end's first sequence number, as the acknowledgement is.
func sackBlocks(p *trace.PacketRecord, v []byte) string {
	base := p.TCP.Ack - uint32(p.AckSeq)
	var blocks []string
	for ; len(v) >= 8; v = v[8:] {
		blocks = append(blocks, fmt.Sprintf("%d:%d", binary.BigEndian.Uint32(v)-base, binary.BigEndian.Uint32(v[4:])-base))
	}
	return strings.Join(blocks, " ")
}

// calls writes the calls on the socket, and on the listener that it was accepted from.
func (w *scriptWriter) calls(all []*trace.CallRecord) {
	for _, c := range all {
		listener := w.of.Parent != nil && c.On.Name == w.of.Parent.Name
		if !w.is(c.On) && !listener || listener && c.Took != nil && !w.is(c.Took) {
			continue
		}
		text := callScript(c)
		switch {
		case text == "":
			text = "// " + signature(c, 0)
			if !c.Pending {
				text += " = " + outcome(c, 0)
			}
			w.add(line{c.Entered, -1, 0, text})
			continue
		case c.Pending:
			w.add(line{c.Entered, -1, 0, "// has not returned: " + signature(c, 0)})
			continue
		}
		l := line{c.Entered, -1, 0, text}
		if w.blocked(c) {
			l.end = c.Left
		}
		w.add(l)
	}
}

// blocked tells whether a call waited: it took long, or is one that waits and something came to the host meanwhile.
func (w *scriptWriter) blocked(c *trace.CallRecord) bool {
	waits := c.Receives() || c.Name == "connect" || c.Name == "accept" || c.Name == "accept4"
	if !waits || c.Left-c.Entered >= 10*time.Millisecond {
		return c.Left-c.Entered >= 10*time.Millisecond
	}
	return slices.ContainsFunc(w.came, func(t time.Duration) bool { return t > c.Entered && t < c.Left })
}

// script is the call as packetdrill has it, "" for one that it does not know.
func callScript(c *trace.CallRecord) string {
	var args string
	flags := "0"
	if len(c.Flags) > 0 {
		flags = strings.Join(c.Flags, "|")
	}
	arg := func(name string) string {
		a, _ := c.Arg(name)
		return argument(a, 0)
	}
	name := c.Name
	switch name {
	case "socket":
		args = fmt.Sprintf("..., %s, %s", withoutCloexec(arg("type")), arg("protocol"))
	case "bind", "connect":
		args = fmt.Sprintf("%d, ..., ...", c.FD)
	case "accept", "accept4":
		name, args = "accept", fmt.Sprintf("%d, ..., ...", c.FD)
	case "listen":
		args = fmt.Sprintf("%d, %s", c.FD, arg("backlog"))
	case "shutdown":
		args = fmt.Sprintf("%d, %s", c.FD, arg("how"))
	case "close":
		args = fmt.Sprint(c.FD)
	case "read", "write":
		args = fmt.Sprintf("%d, ..., %d", c.FD, c.Size)
	case "readv", "writev":
		args = fmt.Sprintf("%d, [{..., %d}], 1", c.FD, c.Size)
	case "send", "recv":
		args = fmt.Sprintf("%d, ..., %d, %s", c.FD, c.Size, flags)
	case "sendto", "recvfrom":
		args = fmt.Sprintf("%d, ..., %d, %s, ..., ...", c.FD, c.Size, flags)
	case "sendmsg", "recvmsg":
		args = fmt.Sprintf("%d, {msg_name(...)=..., msg_iov(1)=[{..., %d}], msg_flags=0}, %s", c.FD, c.Size, flags)
	case "setsockopt":
		option, level, value := arg("optname"), arg("level"), scriptValue(c)
		if value == "" || strings.ContainsAny(option+level, "(? ") {
			return ""
		}
		args = fmt.Sprintf("%d, %s, %s, %s", c.FD, level, option, value)
	case "fcntl":
		if cmd := arg("cmd"); cmd != "F_GETFL" && cmd != "F_SETFL" {
			return ""
		}
		if args = fmt.Sprintf("%d, %s", c.FD, arg("cmd")); len(c.Args) > 2 {
			args += ", " + argument(c.Args[2], 0)
		}
	default:
		return ""
	}
	result := fmt.Sprint(c.Result)
	if c.Errno != "" {
		text, ok := errnoTexts[c.Errno]
		if !ok {
			text = "error"
		}
		result = "-1 " + c.Errno + " (" + text + ")"
	}
	return fmt.Sprintf("%s(%s) = %s", name, args, result)
}

// scriptValue is the value of an option with its length: packetdrill knows numbers, texts and struct linger.
func scriptValue(c *trace.CallRecord) string {
	v, _ := c.Arg("optval")
	size := int64(v.Size)
	if n, ok := c.Arg("optlen"); ok {
		size = n.Int
	}
	switch name, value, ok := c.Option(); {
	case ok:
		return fmt.Sprintf("[%d], %d", value, cmp.Or(size, 4))
	case name == "SO_LINGER" && strings.HasPrefix(v.Text, "{"):
		return fmt.Sprintf("%s, %d", strings.ReplaceAll(v.Text, "l_", ""), size)
	case strings.HasPrefix(v.Text, `"`) && !strings.Contains(argument(v, 0), `\`):
		return fmt.Sprintf("%s, %d", v.Text, size)
	}
	return ""
}

// errnoTexts are what strerror(3) says: packetdrill wants words after the name of an error, and does not compare them.
var errnoTexts = map[string]string{
	"EAGAIN": "Resource temporarily unavailable", "EINPROGRESS": "Operation now in progress", "ECONNREFUSED": "Connection refused",
	"ECONNRESET": "Connection reset by peer", "EPIPE": "Broken pipe", "ENOTCONN": "Transport endpoint is not connected", "EINTR": "Interrupted system call",
	"ETIMEDOUT": "Connection timed out", "EMSGSIZE": "Message too long", "EHOSTUNREACH": "No route to host", "EADDRINUSE": "Address already in use",
}

// withoutCloexec is the type of a socket without the flag that packetdrill has no name for and no use.
func withoutCloexec(typ string) string { return strings.ReplaceAll(typ, "|SOCK_CLOEXEC", "") }
