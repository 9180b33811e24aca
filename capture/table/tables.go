package table

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/drop"
	"sockwire/capture/flow"
	"sockwire/capture/flow/message"
	"sockwire/capture/owner"
)

// Schemas are those of all tables, in the order of the page.
func Schemas() []*Schema {
	return []*Schema{Packets, Flows, Streams, DNS, HTTP, TLS, ICMP, Drops}
}

// openParts is how many hours of a table are written at a time; of packets, which take more, two.
const openParts = 8

// Tables writes all tables below one directory: TABLE/date=…/hour=…/RUN-NUMBER.parquet, by the time of the row's
// first packet in UTC. Several may write into one directory, also from several machines: RUN is of one alone. It is not
// for use by several goroutines at once.
type Tables struct {
	config  Config
	packets parts[*PacketsWriter]
	others  map[*Schema]*parts[*rowFile]
	tracker *flow.Tracker
	parser  message.Parser
	flows   flows
	packet  decode.Packet
	message decode.Packet
	segment flow.Segment
	texts   texts
	fields  []decode.Field
	maps    map[*Schema]fieldMap
	number  uint64
	owners  []owner.Owner // of the packet to come
	end     time.Time     // of the packet that is added, for what is written at the end
	err     error
}

// CreateTables makes the directory, where there is none. A nil cfg means the zero value.
func CreateTables(dir string, cfg *Config) (*Tables, error) {
	t := &Tables{tracker: flow.NewTracker(&flow.Config{Reassemble: true}), others: map[*Schema]*parts[*rowFile]{}, maps: map[*Schema]fieldMap{}}
	if cfg != nil {
		t.config = *cfg
	}
	if t.config.Run == "" {
		t.config.Run = NewRun()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	t.packets = parts[*PacketsWriter]{dir: filepath.Join(dir, Packets.Name), run: t.config.Run, most: 2, create: func(name string) (*PacketsWriter, error) {
		return createPackets(name, false, &t.config)
	}}
	for _, s := range Schemas()[1:] {
		t.others[s] = &parts[*rowFile]{dir: filepath.Join(dir, s.Name), run: t.config.Run, most: openParts, create: func(name string) (*rowFile, error) {
			return createRows(name, s, &t.config)
		}}
		t.maps[s] = newFieldMap(s)
	}
	t.flows = flows{byKey: map[flowKey]*oneFlow{}, ended: t.writeFlow}
	return t, nil
}

// Run is who writes, as the names of the files and the column run have it.
func (t *Tables) Run() string { return t.config.Run }

// Own is that of a PacketsWriter.
func (t *Tables) Own(owners []owner.Owner) { t.owners = append(t.owners[:0], owners...) }

// Write adds a packet, numbered after the one before.
func (t *Tables) Write(f *capture.Frame) error { return t.WriteNumbered(f, t.number+1, -1) }

// WriteNumbered adds a packet with its number. The stream is what the packet's own tracker says, whatever stream is.
func (t *Tables) WriteNumbered(f *capture.Frame, number uint64, _ int64) error {
	return t.add(f, number, nil)
}

// WriteDrop adds a packet that the kernel dropped.
func (t *Tables) WriteDrop(f *capture.Frame, number uint64, d *drop.Drop) error {
	return t.add(f, number, d)
}

func (t *Tables) add(f *capture.Frame, number uint64, d *drop.Drop) error {
	if t.err != nil {
		return t.err
	}
	t.number, t.end = number, f.Time
	t.err = t.addAll(f, number, d)
	return t.err
}

func (t *Tables) addAll(f *capture.Frame, number uint64, d *drop.Drop) error {
	p := &t.packet
	_ = t.config.Decoder.Decode(*f, p) // what is wrong is in the packet
	p.Number = number
	stream := int64(-1)
	if d == nil { // packets that were dropped are no streams
		t.tracker.Read(p, &t.segment)
		r := t.tracker.AddSegment(&t.segment, number)
		if r.Stream != nil {
			stream = int64(r.Stream.Number())
		}
		if err := t.found(r); err != nil {
			return err
		}
	}
	w, err := t.packets.at(f.Time)
	if err != nil {
		return err
	}
	owners := t.owners
	t.owners = t.owners[:0]
	w.Own(owners)
	if err := w.WriteNumbered(f, number, stream); err != nil {
		return err
	}
	if err := t.flows.add(p, number); err != nil {
		return err
	}
	if f.Drops > 0 || d != nil {
		if err := t.row(Drops, f.Time, func(r *rows) { fillDrop(r, t.config.Run, f, number, d, owners, &t.texts) }); err != nil {
			return err
		}
	}
	return t.layers(p)
}

// row writes a row of a table.
func (t *Tables) row(s *Schema, when time.Time, fill func(r *rows)) error {
	w, err := t.others[s].at(when)
	if err != nil {
		return err
	}
	fill(w.rows)
	return w.next()
}

func (t *Tables) writeFlow(w *oneFlow) error {
	return t.row(Flows, w.first, func(r *rows) { w.fill(r, t.config.Run, &t.texts) })
}

// layers writes what lies in the packet alone: ICMP, and DNS in datagrams.
func (t *Tables) layers(p *decode.Packet) error {
	for i, l := range p.Layers() {
		if l.Flags&decode.Quoted != 0 {
			continue
		}
		var err error
		switch l.Type {
		case decode.TypeICMPv4, decode.TypeICMPv6:
			err = t.row(ICMP, p.Frame.Time, func(r *rows) { t.icmp(r, p, i) })
		case decode.TypeDNS, decode.TypeMDNS:
			if p.FindInner(decode.TypeTCP) < 0 {
				err = t.row(DNS, p.Frame.Time, func(r *rows) {
					r.text(mRun, t.config.Run)
					r.number(mNumber, p.Number)
					r.when(mTime, -1, p.Frame.Time)
					if tuple, ok := p.Inner(); ok {
						t.ends(r, tuple, mSrc)
						r.number(mSrcPort, uint64(tuple.Src.Port()))
						r.number(mDstPort, uint64(tuple.Dst.Port()))
					}
					t.layer(r, DNS, p, i)
				})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ends puts the addresses of a tuple into four columns.
func (t *Tables) ends(r *rows, tuple decode.Tuple, at int) {
	a := t.texts.ofIP(tuple.Src.Addr())
	r.text(at, a.text)
	r.text(at+1, a.bytes)
	a = t.texts.ofIP(tuple.Dst.Addr())
	r.text(at+2, a.text)
	r.text(at+3, a.bytes)
}

// layer puts the fields of a layer into their columns.
func (t *Tables) layer(r *rows, s *Schema, p *decode.Packet, i int) {
	if s == ICMP {
		t.fields = p.AppendFields(t.fields[:0], i)
	} else {
		t.fields = app.Renderer{}.AppendFields(t.fields[:0], p, i)
	}
	t.maps[s].fill(r, t.fields, &t.texts)
}

// icmpQuote is where the columns of the quoted packet begin.
var icmpQuote, icmpLabel = ICMP.index("quoted_ip_src"), ICMP.index("mpls_label")

func (t *Tables) icmp(r *rows, p *decode.Packet, i int) {
	r.text(mRun, t.config.Run)
	r.number(mNumber, p.Number)
	r.when(mTime, -1, p.Frame.Time)
	r.flag(mStream, p.Layers()[i].Type == decode.TypeICMPv6)
	if tuple, ok := p.Inner(); ok {
		t.ends(r, tuple, mSrc)
	}
	t.layer(r, ICMP, p, i)
	for k := i + 1; k < len(p.Layers()); k++ {
		if p.Layers()[k].Type == decode.TypeICMPExtension {
			t.fields = p.AppendFields(t.fields[:0], k)
			for _, f := range t.fields {
				if f.Key == "icmp.mpls.label" {
					r.number(icmpLabel, f.Number)
				}
			}
		}
	}
	if quote, ok := p.Quote(); ok {
		t.ends(r, quote, icmpQuote)
		r.number(icmpQuote+4, uint64(quote.Protocol))
		r.number(icmpQuote+5, uint64(quote.Src.Port()))
		r.number(icmpQuote+6, uint64(quote.Dst.Port()))
	}
}

// found writes the messages that a packet completed, and the streams that ended.
func (t *Tables) found(r *flow.Result) error {
	for i := range r.Chunks {
		list := t.parser.Add(&r.Chunks[i])
		for k := range list {
			if err := t.writeMessage(&list[k]); err != nil {
				return err
			}
		}
	}
	for _, s := range r.Ended {
		list := t.parser.End(s)
		for k := range list {
			if err := t.writeMessage(&list[k]); err != nil {
				return err
			}
		}
		v := s.Summary()
		when := v.Start
		if err := t.row(Streams, when, func(r *rows) { fillStream(r, &v, t.config.Run, &t.texts) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tables) writeMessage(m *message.Message) error {
	if m.Part == message.Body {
		return nil
	}
	var s *Schema
	switch m.Protocol {
	case decode.TypeDNS:
		s = DNS
	case decode.TypeHTTP:
		s = HTTP
	case decode.TypeTLS:
		s = TLS
	default:
		return nil
	}
	return t.row(s, t.end, func(r *rows) {
		r.text(mRun, t.config.Run)
		r.number(mNumber, m.Last)
		r.when(mTime, -1, t.end)
		r.number(mStream, m.Stream.Number())
		tuple := decode.Tuple{Src: m.Stream.Source(m.Direction), Dst: m.Stream.Source(m.Direction.Other())}
		t.ends(r, tuple, mSrc)
		r.number(mSrcPort, uint64(tuple.Src.Port()))
		r.number(mDstPort, uint64(tuple.Dst.Port()))
		switch m.Part {
		case message.Begins, message.Ends:
			r.text(mPart, m.Part.String())
		}
		r.number(mStreamOffset, uint64(m.Offset))
		r.number(mMessageLength, uint64(m.Length))
		if m.Missing > 0 {
			r.number(mMissing, uint64(m.Missing))
		}
		for _, n := range m.Packets {
			r.number(mPackets, n)
		}
		r.number(mPacketCount, uint64(m.PacketCount))
		if m.Part != message.Ends {
			m.Packet(&t.message)
			t.layer(r, s, &t.message, 0)
		}
	})
}

// Rotate completes all files; what comes is written to others. Flows and streams go on.
func (t *Tables) Rotate() error {
	err := t.packets.close()
	for _, s := range Schemas()[1:] {
		err = errors.Join(err, t.others[s].close())
	}
	return err
}

// Settle completes the files of hours that were over before now: engines see them from then on. Call it now and then on
// a live capture.
func (t *Tables) Settle(now time.Time) error {
	hour := partOf(now)
	err := t.packets.settle(hour)
	for _, s := range Schemas()[1:] {
		err = errors.Join(err, t.others[s].settle(hour))
	}
	return err
}

// Lost says what was given up to stay within bounds.
func (t *Tables) Lost() flow.Lost { return t.tracker.Lost() }

// Close writes the flows and streams that have not ended, and completes all files.
func (t *Tables) Close() error {
	err := t.err
	if err == nil {
		r := t.tracker.Finish()
		err = errors.Join(t.found(&r), t.flows.finish())
	}
	closing := t.Rotate()
	if err == nil {
		err = closing
	}
	return err
}
