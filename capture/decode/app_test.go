package decode_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// TestApplications renders every packet of the corpus with its application layers, whole and mutated: nothing may
// panic, take long, or let through what a terminal acts on.
func TestApplications(t *testing.T) {
	var d decode.Decoder
	var p decode.Packet
	var b []byte
	r := decode.Printer{Location: time.UTC, Applications: app.Renderer{}}
	rng := rand.New(rand.NewPCG(3, 4))
	frames := decode.TestFrames(t)
	rendered := 0
	var slowest time.Duration
	rounds := 20
	if testing.Short() || decode.RaceEnabled {
		rounds = 3
	}
	for _, f := range frames {
		d.Decode(f, &p)
		layers := p.Layers()
		if len(layers) == 0 || layers[len(layers)-1].Type < decode.TypeDNS ||
			layers[len(layers)-1].Offset >= len(f.Data) {
			continue
		}
		b = decode.RenderAll(t, &r, b, &p)
		start := layers[len(layers)-1].Offset
		whole := append([]byte(nil), f.Data...)
		for range rounds {
			for range 1 + rng.IntN(6) {
				at := start + rng.IntN(len(f.Data)-start)
				f.Data[at] = decode.Mutate(rng, f.Data[at])
			}
			begin := time.Now()
			d.Decode(f, &p)
			b = r.AppendLine(b[:0], &p)
			b = r.AppendTree(b[:0], &p)
			b = r.AppendJSON(b[:0], &p)
			slowest = max(slowest, time.Since(begin))
			b = decode.RenderAll(t, &r, b, &p)
			copy(f.Data, whole)
			rendered++
		}
	}
	t.Logf("%d mutated packets decoded and rendered, the slowest took %v for line, tree and JSON together", rendered, slowest)
}

func FuzzApplications(f *testing.F) {
	for _, s := range appSamples {
		f.Add(uint16(s.kind), s.tcp, s.data)
	}
	types := decode.AllTypes()
	f.Fuzz(func(t *testing.T, n uint16, tcp bool, data []byte) {
		r := decode.Printer{Location: time.UTC, Applications: app.Renderer{}}
		kind := types[int(n)%len(types)]
		frame := carry(kind, tcp, data)
		d := decode.Decoder{Ports: map[decode.Port]decode.Type{{Number: 9}: kind}}
		var p decode.Packet
		d.Decode(frame, &p)
		decode.RenderAll(t, &r, nil, &p)
	})
}

// BenchmarkDNSLine measures what a line about a DNS answer costs with the layer rendered.
func BenchmarkDNSLine(b *testing.B) {
	benchApplication(b, 1, func(r *decode.Printer, line []byte, p *decode.Packet) []byte { return r.AppendLine(line, p) })
}

func BenchmarkDNSJSON(b *testing.B) {
	benchApplication(b, 1, func(r *decode.Printer, line []byte, p *decode.Packet) []byte { return r.AppendJSON(line, p) })
}

func BenchmarkTLSLine(b *testing.B) {
	benchApplication(b, 10, func(r *decode.Printer, line []byte, p *decode.Packet) []byte { return r.AppendLine(line, p) })
}

func benchApplication(b *testing.B, sample int, render func(*decode.Printer, []byte, *decode.Packet) []byte) {
	s := appSamples[sample]
	d := decode.Decoder{Ports: map[decode.Port]decode.Type{{Number: 9}: s.kind}}
	r := decode.Printer{Applications: app.Renderer{}}
	var p decode.Packet
	var line []byte
	frame := carry(s.kind, s.tcp, s.data)
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(frame, &p)
		line = render(&r, line[:0], &p)
	}
}

// TestHostileText writes escape sequences, control characters, bidirectional overrides and invalid UTF-8 over every
// text field of every packet there is, and renders it in all ways.
func TestHostileText(t *testing.T) {
	hostile := []byte("\x1b]0;x\a\x1b[2J\u202e\u2066\u200f\xff\xc0\x80\x9b31m\r\n\x00\x7f\u0085\"\\")
	var d decode.Decoder
	var p decode.Packet
	var fields []decode.Field
	var b []byte
	r := decode.Printer{Location: time.UTC, Applications: app.Renderer{}, Link: true, Names: []string{string(hostile)}}
	frames := decode.TestFrames(t)
	d.Ports = map[decode.Port]decode.Type{}
	for i, s := range appSamples {
		frame := carry(s.kind, s.tcp, s.data)
		port := uint16(60000 + i) // one for each
		binary.BigEndian.PutUint16(frame.Data[22:], port)
		d.Ports[decode.Port{Number: port}] = s.kind
		frames = append(frames, frame)
	}
	written := map[string]int{}
	for _, f := range frames {
		d.Decode(f, &p)
		whole := append([]byte(nil), f.Data...)
		n := 0
		for i := range p.Layers() {
			fields = fieldsOf(fields[:0], &p, i)
			for _, x := range fields {
				if x.Kind != decode.KindText || x.Bits == 0 {
					continue
				}
				at := f.Data[x.Bit/8 : (x.Bit+x.Bits)/8]
				for k := range at {
					at[k] = hostile[(n+k)%len(hostile)]
				}
				n += len(at)
				written[x.Key]++
			}
		}
		if n > 0 {
			f.Comments = []string{string(hostile)}
			d.Decode(f, &p)
			b = decode.RenderAll(t, &r, b, &p)
			copy(f.Data, whole)
		}
	}
	for _, key := range []string{"lldp.tlv.system.name", "dns.qry.name", "http.request.uri", "http.host", "tls.handshake.extensions_server_name",
		"dhcp.option.hostname", "tftp.source_file", "syslog.msg", "snmp.community"} {
		if written[key] == 0 {
			t.Errorf("no packet with %s", key)
		}
	}
	t.Logf("%d kinds of text fields overwritten", len(written))
}
