package drop

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
)

// record makes a record as the program writes it.
func record(change func(h []byte), data []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(data))
	order.PutUint32(b[atKept:], uint32(len(data)))
	order.PutUint32(b[atLength:], uint32(len(data)))
	order.PutUint16(b[atLinkAt:], notSet)
	change(b)
	return append(b, data...)
}

func plain() *reading {
	return &reading{
		reason: func(n uint32) Reason { return Reason{n, "SOCKET_RCVBUFF"} },
		place:  func(n uint64) Place { return Place{Function: "sock_rfree", Address: n} },
	}
}

// TestFrames: where a packet's first header is known, it is that; and what is no packet is none.
func TestFrames(t *testing.T) {
	ip := []byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	ethernet := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, ip...)
	for _, c := range []struct {
		name   string
		change func(h []byte)
		data   []byte
		link   capture.LinkType
		length int
	}{
		{"Ethernet", func(h []byte) {
			order.PutUint16(h[atHardware:], hardwareEthernet)
			order.PutUint16(h[atLinkAt:], 64)
			order.PutUint32(h[atFrom:], 64)
			order.PutUint32(h[atStart:], 78) // the kernel is at the IP header
			order.PutUint32(h[atLength:], 20)
		}, ethernet, capture.LinkEthernet, 34},
		{"IP", func(h []byte) { h[atProtocol] = 8 }, ip, capture.LinkRaw, 20},
		{"IP of which pages are not here", func(h []byte) { h[atProtocol] = 8; order.PutUint32(h[atLength:], 1500) }, ip, capture.LinkRaw, 1500},
		{"IP that nobody said is IP", func(h []byte) {
			h[atSocketKind] = 1
			order.PutUint16(h[atFamily:], afInet)
		}, ip, capture.LinkRaw, 20},
		{"ARP without its link-layer header", func(h []byte) { h[atProtocol], h[atProtocol+1] = 8, 6 }, make([]byte, 28), capture.LinkLinuxSLL2, 48},
		{"a length below zero", func(h []byte) { h[atProtocol] = 8; order.PutUint32(h[atLength:], 0xffffffff) }, ip, capture.LinkRaw, 20},
		{"a message of a Unix socket", func(h []byte) {
			h[atSocketKind] = 1
			order.PutUint16(h[atFamily:], afUnix)
		}, []byte("hello"), 0, 0},
	} {
		var d Drop
		packet, err := plain().parse(&d, record(c.change, c.data), time.Unix(1000, 0))
		if err != nil || packet != (c.length > 0) {
			t.Errorf("%s: %v %v", c.name, packet, err)
			continue
		}
		if !packet {
			continue
		}
		if d.Frame.Link != c.link || d.Frame.Length != c.length || !bytes.HasSuffix(d.Frame.Data, c.data) {
			t.Errorf("%s: %v, %d bytes, %x", c.name, d.Frame.Link, d.Frame.Length, d.Frame.Data)
		}
	}
}

func TestText(t *testing.T) {
	var d Drop
	b := record(func(h []byte) {
		h[atSocketKind], h[atProtocol] = 2, 8
		order.PutUint16(h[atFamily:], afInet)
		order.PutUint16(h[atSocketProto:], protoUDP)
		order.PutUint16(h[atLocalPort:], 53)
		copy(h[atLocal:], []byte{192, 0, 2, 1})
		order.PutUint32(h[atReceived:], 4352)
		order.PutUint32(h[atRecvLimit:], 2304)
	}, nil)
	if _, err := plain().parse(&d, b, time.Time{}); err != nil {
		t.Fatal(err)
	}
	const want = "dropped: SOCKET_RCVBUFF in sock_rfree, for UDP socket 192.0.2.1:53: the receive buffer was full (4352 of 2304 bytes)"
	if d.String() != want {
		t.Errorf("got  %s\nwant %s", d.String(), want)
	}
	for name, text := range words {
		if strings.HasSuffix(text, ".") || text == "" || len(text) > 90 {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestRoles(t *testing.T) {
	for destructor, want := range map[string]Role{
		"sock_wfree": Sender, "tcp_wfree": Sender, "__sock_wfree": Sender, "sock_rfree": Receiver, "sock_edemux": Receiver,
		"sock_pfree": Receiver, "unix_destruct_scm": Related, "": Related,
	} {
		if r := roleOf(destructor); r != want {
			t.Errorf("%q: %q", destructor, r)
		}
	}
}

func TestSymbols(t *testing.T) {
	var s symbols
	s.read.Do(func() {})
	s.parse(strings.NewReader("0000000000002000 T second\n0000000000001000 t first.isra.0\n0000000000001800 D data\n0000000000003000 t third\t[module]\nrubbish\n"))
	for at, want := range map[uint64]Place{
		0x1000: {"first", 0, 0x1000}, 0x1fff: {"first", 0xfff, 0x1fff}, 0x2004: {"second", 4, 0x2004}, 0x3001: {"third", 1, 0x3001},
		0x0fff: {"", 0, 0x0fff},
	} {
		if p := s.find(at); p != want {
			t.Errorf("%x: %+v", at, p)
		}
	}
	if s := (Place{Address: 0xfff}).String(); s != "0xfff" {
		t.Error(s)
	}
	var hidden symbols // all addresses are 0 for those without the right
	hidden.read.Do(func() {})
	hidden.parse(strings.NewReader("0000000000000000 T second\n"))
	if hidden.known() || hidden.find(5).Function != "" {
		t.Error("names for addresses that are hidden")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(record(func(h []byte) { h[atSocketKind] = 1 }, []byte("0123456789")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Drop
		r := plain()
		packet, err := r.parse(&d, b, time.Time{})
		if err != nil {
			return
		}
		if packet && d.Frame.Length < len(d.Frame.Data) {
			t.Errorf("%d bytes of %d", len(d.Frame.Data), d.Frame.Length)
		}
		_ = d.String()
	})
}
