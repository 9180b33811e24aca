package main

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/gopackets"
	"sockwire/capture/drop"
	"sockwire/capture/flow"
	"sockwire/capture/owner"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/wire"
)

// renderer turns packets into what is printed. Each goroutine has its own.
type renderer struct {
	o       *options
	color   bool
	printer decode.Printer
	names   *names        // nil without --resolve
	owners  []owner.Owner // of the packet to come
	add     func(b []byte, c *decode.Column, value []byte) []byte
	into    *shown       // what append adds to
	value   []byte       // of a column
	drop    *drop.Drop   // that is shown, with --drops
	owner   *owner.Owner // of its socket, nil where that is not known
}

func newRenderer(o *options, env *cli.Env, names *names) *renderer {
	r := &renderer{o: o, color: env.Color && !o.json, names: names, add: o.adder()}
	r.printer = decode.Printer{
		Time: decode.TimeFormat(o.timeCount), Nanoseconds: o.nano, Number: o.number, Link: o.linkLayer, Absolute: o.absolute,
		Applications: gopackets.Renderer{}, Occurrence: occurrences[o.occurrence], Aggregator: o.aggregator,
	}
	if o.utc {
		r.printer.Location = time.UTC
	}
	return r
}

// interfaces makes each line name where its packet was seen.
func (r *renderer) interfaces(ifs []capture.Interface) {
	r.printer.Names = r.printer.Names[:0]
	for _, i := range ifs {
		r.printer.Names = append(r.printer.Names, i.Name)
	}
}

// write writes what append made.
func (r *renderer) write(to *cli.Output, b []byte) error {
	if r.o.json {
		return to.WriteJSON(b)
	}
	return to.Text(b)
}

// show adds all that is printed of p, packet i of s, unless it cannot be one that --flow chooses.
func (r *renderer) show(s *shown, i int, p *decode.Packet, m *matcher) {
	if r.o.choice != nil && !r.o.choice.May(flow.Facts{Stream: int(s.about[i].stream)}) {
		return
	}
	if r.o.prints() && (r.o.write == "" || len(r.o.read) == 0) {
		r.append(s, i, p)
	}
	if r.o.why && r.o.filter != nil {
		s.out = m.appendWhy(s.out, &p.Frame)
	}
	if r.o.choice != nil {
		s.place(s.out, i, endPlace)
	}
}

// append adds all that is printed of p, packet i of s, with its line ends, and notes where more goes in that is found.
func (r *renderer) append(s *shown, i int, p *decode.Packet) {
	r.into = s
	b := s.out
	switch {
	case len(r.o.columns) > 0:
		b = r.appendFields(b, p, i)
	case r.o.json:
		b = r.printer.AppendJSON(b, p)
		b = b[:len(b)-1]
		if i < len(s.about) && s.about[i].stream >= 0 {
			b = strconv.AppendInt(append(b, `,"stream":`...), int64(s.about[i].stream), 10)
		}
		if r.o.owner {
			b = appendOwnersJSON(append(b, `,"owners":`...), r.owners)
		}
		s.place(b, i, markPlace)
		if r.drop != nil {
			b = appendDropJSON(b, r.drop, r.owner)
		}
		b = append(b, '}', '\n')
	default:
		b = r.appendLines(b, p, i)
	}
	s.out = b
}

// appendLines adds the line of p and what goes below it.
func (r *renderer) appendLines(b []byte, p *decode.Packet, i int) []byte {
	color := ""
	if r.color {
		color = colorOf(p)
		b = append(b, color...)
	}
	b = r.printer.AppendLine(b, p)
	if r.names != nil {
		b = r.names.appendNames(b, p)
	}
	if p.Frame.Drops > 0 {
		b = append(b, " ["...)
		b = append(b, cli.Plural(p.Frame.Drops, "packet")...)
		b = append(b, " lost before this one]"...)
	}
	if r.o.owner {
		b = appendOwners(b, r.owners)
	}
	r.into.place(b, i, markPlace)
	if r.drop != nil {
		b = cli.AppendEscaped(append(b, "  "...), r.drop.String())
		if r.owner != nil {
			b = cli.AppendEscaped(append(b, "; "...), processOf(r.owner))
		}
	}
	if color != "" {
		b = append(b, colorEnd...)
	}
	b = append(b, '\n')
	for _, c := range p.Frame.Comments {
		b = append(b, "    # "...)
		b = append(cli.AppendEscaped(b, c), '\n')
	}
	if r.o.verbose > 0 {
		if r.o.owner {
			b = appendOwnerLines(b, r.owners)
		}
		b = r.printer.AppendTree(b, p)
		r.into.place(b, i, treePlace)
	}
	if r.o.hex > 0 {
		b = decode.AppendHex(b, p, r.o.ascii)
	} else if r.o.ascii {
		b = appendText(b, p)
	}
	return b
}

// appendDropJSON adds what is known of a drop, as a member of the object of its packet.
func appendDropJSON(b []byte, d *drop.Drop, by *owner.Owner) []byte {
	r := dropRecord{
		Reason: d.Reason.Name, Number: d.Reason.Number, Why: d.Why(), Place: d.Place.String(), Offset: d.Place.Offset, Network: d.Network, Device: d.Device,
	}
	if s := &d.Socket; s.Role != drop.NoSocket {
		r.Socket = &socketRecord{
			Role: [...]string{drop.Related: "related", drop.Sender: "sender", drop.Receiver: "receiver"}[s.Role], Kind: s.Kind(),
			Cookie: s.Cookie, Inode: s.Inode, UID: s.UID, Received: s.Received, ReceiveLimit: s.ReceiveLimit, Sent: s.Sent, SendLimit: s.SendLimit,
		}
		if s.Local.IsValid() {
			r.Socket.Local, r.Socket.Remote = s.Local.String(), s.Remote.String()
		}
	}
	if by != nil {
		r.Owner = &dropOwner{by.PID, by.Name, by.UID, by.User, by.How.String()}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return b // there is nothing in it that cannot be written
	}
	return append(append(b, `,"drop":`...), text...)
}

type (
	dropRecord struct {
		Reason  string        `json:"reason"`
		Number  uint32        `json:"number"`
		Why     string        `json:"why"`
		Place   string        `json:"place"`
		Offset  uint64        `json:"offset"`
		Network uint32        `json:"netns"`
		Device  string        `json:"device"`
		Socket  *socketRecord `json:"socket,omitempty"`
		Owner   *dropOwner    `json:"owner,omitempty"`
	}
	dropOwner struct {
		PID  int    `json:"pid"`
		Comm string `json:"comm"`
		UID  uint32 `json:"uid"`
		User string `json:"user"`
		How  string `json:"known"`
	}
	socketRecord struct {
		Role         string `json:"role"`
		Kind         string `json:"kind"`
		Cookie       uint64 `json:"cookie"`
		Inode        uint64 `json:"inode"`
		UID          uint32 `json:"uid"`
		Local        string `json:"local,omitempty"`
		Remote       string `json:"remote,omitempty"`
		Received     uint32 `json:"receive_bytes"`
		ReceiveLimit uint32 `json:"receive_limit"`
		Sent         uint32 `json:"send_bytes"`
		SendLimit    uint32 `json:"send_limit"`
	}
)

// appendText adds what follows the link layer as text, with a dot for each byte that is none.
func appendText(b []byte, p *decode.Packet) []byte {
	data := p.Frame.Data
	for _, l := range p.Layers() {
		if l.Type.Network() {
			data = data[min(l.Offset, len(data)):]
			break
		}
	}
	for _, c := range data {
		if c != '\n' && (c < ' ' || c > '~') {
			c = '.'
		}
		b = append(b, c)
	}
	return append(b, '\n')
}

const colorEnd = "\x1b[0m"

// colorOf returns the colour of a packet's line: by what it is, trouble first.
func colorOf(p *decode.Packet) string {
	layers := p.Layers()
	if p.Err() != nil || slices.ContainsFunc(layers, func(l decode.Layer) bool { return l.Checksum == decode.ChecksumBad }) {
		return "\x1b[31m"
	}
	for _, l := range slices.Backward(layers) {
		if l.Flags&decode.Quoted != 0 {
			continue
		}
		switch l.Type {
		case decode.TypeICMPv4, decode.TypeICMPv6:
			return "\x1b[35m"
		case decode.TypeARP:
			return "\x1b[33m"
		case decode.TypeUDP:
			return "\x1b[36m"
		case decode.TypeTCP:
			if i := p.FindInner(decode.TypeTCP); i >= 0 && p.TCP(i).Flags()&wire.RST != 0 {
				return "\x1b[1;31m"
			} else if i >= 0 && p.TCP(i).Flags()&(wire.SYN|wire.FIN) != 0 {
				return "\x1b[1;32m"
			}
			return "\x1b[32m"
		}
	}
	return ""
}
