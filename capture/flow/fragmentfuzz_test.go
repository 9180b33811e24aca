package flow

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// FuzzDefragment takes any packets and holds: nothing panics, memory keeps its bound, what is whole is as long as it
// says and decodes as one packet, and what its bytes are some fragment had at their place.
func FuzzDefragment(f *testing.F) {
	pack := func(packets ...[]byte) []byte {
		var b []byte
		for _, p := range packets {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
		}
		return b
	}
	v4, v6 := datagram4(f, 92), datagram6(f, 92)
	f.Add(pack(fragment(v4, 0, 48, 1), fragment(v4, 48, -1, 1)), uint16(0))
	f.Add(pack(fragment(v6, 48, -1, 1), fragment(v6, 0, 48, 1)), uint16(60))
	f.Add(pack(fragment(v6, 0, 48, 1), fragment(v6, 40, -1, 1), fragment(v6, 48, -1, 1)), uint16(0))
	f.Add(pack(fragment(v4, 0, 48, 1), fragment(v4, 40, -1, 1), fragment(v4, 48, -1, 1), fragment(v4, 0, 48, 1)), uint16(0))
	gre := spec(f, "ip{src=198.51.100.1,dst=198.51.100.2}/gre{proto=0x0800}")
	f.Add(pack(append(gre, fragment(v4, 0, 48, 1)...), fragment(v4, 48, -1, 1)), uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, snaplen uint16) {
		var d Defragmenter
		d.Datagrams, d.Bytes, d.Timeout = 8, 16<<10, time.Second
		var dec decode.Decoder
		var p decode.Packet
		now := time.Unix(1, 0)
		for n := uint64(1); len(b) >= 2; n++ {
			size := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
			data := b[2 : 2+size]
			b = b[2+size:]
			now = now.Add(time.Duration(n) * 10 * time.Millisecond)
			x := capture.Frame{Data: data, Length: len(data), Link: capture.LinkRaw, Time: now}
			if snaplen > 0 {
				x.Data = x.Data[:min(len(x.Data), int(snaplen))]
			}
			for round := 0; round < 40; round++ {
				dec.Decode(x, &p)
				p.Number = n
				g := d.Add(&p)
				if c := d.Counts(); c.Waiting > 8 || c.Bytes > 16<<10 || c.Bytes < 0 {
					t.Fatalf("%+v", c)
				}
				if g == nil || g.Fate != FragmentWhole {
					break
				}
				checkWholeFrame(t, g)
				x = g.Frame.Clone()
			}
		}
		d.Close()
		if c := d.Counts(); c.Waiting != 0 || c.Bytes != 0 {
			t.Fatalf("after the end %+v", c)
		}
		for g := range d.GivenUp() {
			if len(g.Missing) == 0 || g.String() == "" {
				t.Fatalf("given up and nothing is missing: %+v", g)
			}
		}
	})
}

// checkWholeFrame checks that the innermost headers of what is whole say the length that it has.
func checkWholeFrame(t *testing.T, g *Datagram) {
	t.Helper()
	if len(g.Frame.Data) > g.Frame.Length || g.Cut == 0 && len(g.Frame.Data) != g.Frame.Length || g.Length != g.Have || len(g.Packets) == 0 {
		t.Fatalf("%d of %d bytes, cut %d, length %d, have %d", len(g.Frame.Data), g.Frame.Length, g.Cut, g.Length, g.Have)
	}
	var dec decode.Decoder
	var p decode.Packet
	dec.Decode(g.Frame, &p)
	want := g.Source.AsSlice()
	for i, l := range p.Layers() {
		h := p.Header(i)
		switch {
		case l.Type == decode.TypeIPv4 && bytes.Equal(h[12:16], want) && uint32(wire.IPv4(h).ID()) == g.ID && l.Length == l.Header+g.Length:
			return
		case l.Type == decode.TypeIPv6 && bytes.Equal(h[8:24], want) && l.Length >= g.Length:
			return
		}
	}
	t.Fatalf("no IP header of the whole: %x", g.Frame.Data[:min(len(g.Frame.Data), 100)])
}
