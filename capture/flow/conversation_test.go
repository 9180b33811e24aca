package flow

import (
	"net/netip"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/packet"
)

// spoken decodes a datagram and adds it.
func spoken(t *testing.T, c *Conversations, number uint64, spec string) (Spoken, bool) {
	t.Helper()
	template, err := packet.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := template.Append(nil, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var d decode.Decoder
	var p decode.Packet
	d.Decode(capture.Frame{Data: b, Length: len(b), Link: capture.LinkEthernet}, &p)
	p.Number = number
	return c.Add(&p)
}

func TestConversations(t *testing.T) {
	var c Conversations
	client := netip.MustParseAddrPort("192.0.2.2:5000")
	for i, s := range []struct {
		spec   string
		ok     bool
		number uint64
		from   Direction
		data   string
	}{
		{"eth / ip{src=192.0.2.2, dst=192.0.2.1} / udp{sport=5000, dport=53} / text{ask}", true, 0, Forward, "ask"},
		{"eth / ip{src=192.0.2.1, dst=192.0.2.2} / udp{sport=53, dport=5000} / text{answer}", true, 0, Backward, "answer"},
		{"eth / ip{src=192.0.2.2, dst=192.0.2.1} / udp{sport=5001, dport=53} / text{ask}", true, 1, Forward, "ask"},
		{"eth / vlan{id=5} / ip{src=192.0.2.2, dst=192.0.2.1} / udp{sport=5000, dport=53} / text{other}", true, 2, Forward, "other"},
		{"eth / ip6{src=2001:db8::1, dst=2001:db8::2} / udp{sport=5000, dport=53} / text{six}", true, 3, Forward, "six"},
		{"eth / ip{src=192.0.2.2, dst=192.0.2.1} / tcp{sport=5000, dport=53} / text{no}", false, 0, Forward, ""},
		{"eth / ip{src=192.0.2.2, dst=192.0.2.1} / udp{sport=5000, dport=53}", true, 0, Forward, ""},
	} {
		got, ok := spoken(t, &c, uint64(i+1), s.spec)
		if ok != s.ok || ok && (got.Number != s.number || got.Direction != s.from || string(got.Data) != s.data || got.Packet != uint64(i+1) || got.Length != len(s.data)) {
			t.Errorf("%s: %+v, %v", s.spec, got, ok)
		}
		if ok && got.Number == 0 && got.Client != client {
			t.Errorf("%s: the client is %v", s.spec, got.Client)
		}
	}
	// What is not used for longest is forgotten.
	few := Conversations{Limit: 4}
	for i := range 100 {
		got, _ := spoken(t, &few, 1, "eth / ip{src=192.0.2.2, dst=192.0.2.1} / udp{sport="+string(rune('1'+i%9))+"000, dport=53}")
		if len(few.young)+len(few.old) > 4 || got.Number > uint64(i) {
			t.Fatalf("%d kept, number %d", len(few.young)+len(few.old), got.Number)
		}
	}
}
