package abi

import (
	"net/netip"
	"testing"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// pages is a memory that starts at an address and has nothing else.
type pages struct {
	start uint64
	b     []byte
}

func (p pages) ReadMemory(b []byte, address uint64) int {
	if address < p.start || address-p.start >= uint64(len(p.b)) {
		return 0
	}
	return copy(b, p.b[address-p.start:])
}

func TestSockaddr(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want trace.Addr
	}{
		{nil, trace.Addr{}},
		{[]byte{2, 0}, trace.Addr{}},
		{[]byte{2, 0, 0, 80, 192, 0, 2, 1}, trace.Addr{IP: netip.MustParseAddrPort("192.0.2.1:80")}},
		{append([]byte{10, 0, 0, 80, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8}, make([]byte, 12)...), trace.Addr{IP: netip.MustParseAddrPort("[2001:db8::]:80")}},
		{[]byte("\x01\x00/run/x\x00\x00"), trace.Addr{Unix: "/run/x"}},
		{[]byte("\x01\x00\x00a\x00b"), trace.Addr{Unix: "@a\x00b"}},
		{[]byte{1, 0}, trace.Addr{}},
		{[]byte{16, 0, 0, 0}, trace.Addr{}},
	} {
		if got := Sockaddr(c.b); got != c.want {
			t.Errorf("%x: %v, want %v", c.b, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		typeText(1 | 0x80000 | 0x800):      "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK",
		flagText(0x4002):                   "MSG_PEEK|MSG_NOSIGNAL",
		flagText(0):                        "0",
		optionText("setsockopt", 6, 3):     "TCP_CORK",
		optionText("getsockopt", 1, 2):     "SO_REUSEADDR",
		optionText("getsockopt", 77, 1234): "1234",
		protocolText(2, 1, 6):              "IPPROTO_TCP",
		protocolText(16, 3, 0):             "NETLINK_ROUTE",
		ErrnoName(111):                     "ECONNREFUSED",
		ErrnoName(95):                      "EOPNOTSUPP",
		ErrnoName(512):                     "ERESTARTSYS",
		ErrnoName(4000):                    "errno 4000",
		fileFlags(2 | 0x800):               "O_RDWR|O_NONBLOCK",
		nameOr(families, 10):               "AF_INET6",
		protocolText(17, 3, int(0x0300)):   "htons(ETH_P_ALL)",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// FuzzDecode gives the decoder a program that passes anything: lengths stay bounded and the call sane.
func FuzzDecode(f *testing.F) {
	f.Add(uint16(0), uint64(0x1000), uint64(0x1000), uint64(64), uint64(0), uint64(0x1020), int64(12), make([]byte, 256))
	f.Add(uint16(9), uint64(3), uint64(0x1000), uint64(1<<63), uint64(0xffffffff), uint64(0), int64(-11), []byte("\x02\x00\x00\x50\x7f\x00\x00\x01"))
	var numbers []uint32
	for n := range table {
		numbers = append(numbers, uint32(n))
	}
	f.Fuzz(func(t *testing.T, which uint16, a0, a1, a2, a3, a4 uint64, result int64, b []byte) {
		s, _ := Lookup(uint64(numbers[int(which)%len(numbers)]))
		args := [6]uint64{a0, a1, a2, a3, a4, a4 + 8}
		fd, _ := DescriptorOf(s.Name, args)
		c := &trace.Call{Name: s.Name, FD: fd, Number: 1, Pending: true}
		d := Decoder{Memory: pages{0x1000, b}, Data: 32}
		d.Enter(c, args)
		left := *c
		d.Leave(&left, args, result)
		if left.Pending || left.Size < 0 || len(left.Data) > 32 || len(left.Messages) > maxMessages || len(left.Waits) > MaxWaits || len(left.Ready) > MaxWaits {
			t.Fatalf("%+v", left)
		}
		for _, m := range left.Messages {
			if len(m.Data) > 32 {
				t.Fatalf("%+v", m)
			}
		}
		show.Append(nil, trace.Correlate([]trace.Event{&left}), show.Options{})
	})
}
