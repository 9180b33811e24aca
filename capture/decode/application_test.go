package decode_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
)

// unknownFrames are datagrams and segments between ports of nobody, with bytes of every beginning.
func unknownFrames() (frames []capture.Frame) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 512 {
		data := make([]byte, 20+rng.IntN(200))
		for k := range data {
			data[k] = byte(rng.Uint32())
		}
		data[0] = byte(i)
		frames = append(frames, carry(decode.TypePayload, i >= 256, data))
	}
	return frames
}

// BenchmarkUnknown measures what a packet costs whose payload is of no protocol: all that look at bytes are asked.
func BenchmarkUnknown(b *testing.B) {
	frames := unknownFrames()
	d := decode.Decoder{SkipChecksums: true}
	var p decode.Packet
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(frames[i&511], &p)
		i++
	}
}

// last decodes a frame and returns its innermost layer.
func last(d *decode.Decoder, f capture.Frame) decode.Type {
	var p decode.Packet
	_ = d.Decode(f, &p)
	return p.Layers()[len(p.Layers())-1].Type
}

// TestFoundOnOtherPorts looks at messages between ports that say nothing.
func TestFoundOnOtherPorts(t *testing.T) {
	query := unhex("1234 0100 0001 0000 0000 0001 07 6578616d706c65 03 636f6d 00 0001 0001 00 0029 04d0 00000000 0000")
	answer := unhex("1234 8180 0001 0001 0000 0000 03 777777 07 6578616d706c65 03 636f6d 00 0001 0001 c00c 0001 0001 00000e10 0004 c0000201")
	for _, c := range []struct {
		name string
		tcp  bool
		data []byte
		want decode.Type
	}{
		{"a query", false, query, decode.TypeDNS},
		{"an answer", false, answer, decode.TypeDNS},
		{"a query over TCP", true, append([]byte{0, byte(len(query))}, query...), decode.TypeDNS},
		{"a query with a name that goes on behind its end", false, append(query[:12:12], unhex("3f 6578616d706c65 00 0001 0001 00")...), decode.TypePayload},
		{"a query with two questions", false, append(unhex("1234 0100 0002"), query[6:]...), decode.TypePayload},
		{"a name of control characters", false, append(query[:12:12], unhex("03 010203 00 0001 0001 00 0029 04d0 00000000 0000")...), decode.TypePayload},
		{"a request", true, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), decode.TypeHTTP},
		{"a request with a method of its own", true, []byte("CCM_POST /x HTTP/1.1\r\n\r\n"), decode.TypeHTTP},
		{"a request that is cut", true, []byte("GET /a/long/targ"), decode.TypeHTTP},
		{"words", true, []byte("GET your things\r\n"), decode.TypePayload},
		{"words in capitals", true, []byte("PLAIN /x"), decode.TypePayload},
	} {
		if got := last(&decode.Decoder{SkipChecksums: true}, carry(c.want, c.tcp, c.data)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// On UDP 443 the two bytes of an id can look like the start of QUIC.
	f := carry(decode.TypeDNS, false, append(unhex("fc8e 8180"), answer[4:]...))
	binary.BigEndian.PutUint16(f.Data[20:], 443)
	if got := last(&decode.Decoder{SkipChecksums: true}, f); got != decode.TypeDNS {
		t.Errorf("DNS on UDP 443 is %v", got)
	}
}

// TestNamedPorts: what Decoder.Ports says comes before all that bytes and the ports of others tell.
func TestNamedPorts(t *testing.T) {
	query := unhex("1234 0100 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001")
	udp, tcp := uint8(17), uint8(6)
	for _, c := range []struct {
		port decode.Port
		kind decode.Type
		tcp  bool
		want decode.Type
	}{
		{decode.Port{Number: 9}, decode.TypeTFTP, false, decode.TypeTFTP},
		{decode.Port{Transport: udp, Number: 9}, decode.TypeTFTP, false, decode.TypeTFTP},
		{decode.Port{Transport: tcp, Number: 9}, decode.TypeTFTP, false, decode.TypeDNS},
		{decode.Port{Transport: tcp, Number: 40000}, decode.TypeSyslog, true, decode.TypeSyslog},
		{decode.Port{Number: 9}, decode.TypePayload, false, decode.TypePayload},
		{decode.Port{Number: 10}, decode.TypeTFTP, false, decode.TypeDNS},
	} {
		data := query
		if c.tcp {
			data = append([]byte{0, byte(len(query))}, query...)
		}
		d := decode.Decoder{SkipChecksums: true, Ports: map[decode.Port]decode.Type{c.port: c.kind}}
		if got := last(&d, carry(c.kind, c.tcp, data)); got != c.want {
			t.Errorf("%v is %v: %v, want %v", c.port, c.kind, got, c.want)
		}
	}
	// A tunnel that is named, and one that is named to be none.
	inner := unhex("4500001c 0001 0000 40 02 66dd 0a000001 0a000002 1164 ee9b 00000000")
	for kind, want := range map[decode.Type]decode.Type{decode.TypeIPv4: decode.TypeIGMP, decode.TypePayload: decode.TypePayload} {
		d := decode.Decoder{SkipChecksums: true, Ports: map[decode.Port]decode.Type{{Number: 9}: kind}}
		if got := last(&d, carry(kind, false, inner)); got != want {
			t.Errorf("%v: %v", kind, got)
		}
	}
}

// TestQuotedMessages: an ICMP error that quotes enough of a datagram shows what it carried.
func TestQuotedMessages(t *testing.T) {
	quoted := carry(decode.TypeDNS, false, unhex("1234 0100 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001")).Data
	b := append(unhex("4500 0000 0001 0000 40 01 0000 c0000209 c0000201 0303 0000 00000000"), quoted...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	d := decode.Decoder{SkipChecksums: true}
	f := capture.Frame{Data: b, Length: len(b), Link: capture.LinkIPv4}
	if got := last(&d, f); got != decode.TypeDNS {
		t.Errorf("quoted: %v", got)
	}
}
