//go:build amd64 || arm64

package owner

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/raw/netlab"
)

// TestLook: without programs in the kernel the owners of TCP and UDP are inferred from sockets and processes, also of
// sockets that are made later than the last look.
func TestLook(t *testing.T) {
	netlab.Need(t)
	loopbackUp(t)
	live, err := capture.Open(t.Context(), "lo", nil)
	must(t, err)
	defer live.Close()
	tr, err := Look(nil)
	must(t, err)
	defer tr.Close()
	network, err := Network()
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	u, err := net.ListenPacket("udp6", "[::]:0")
	must(t, err)
	defer u.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer c.Close()
	from, err := net.Dial("udp", fmt.Sprintf("[::1]:%d", u.LocalAddr().(*net.UDPAddr).Port))
	must(t, err)
	defer from.Close()
	_, err = from.Write([]byte("data"))
	must(t, err)
	time.Sleep(time.Until(tr.looker.next))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	roles := map[Role]int{}
	for f, err := range live.Frames(ctx) {
		must(t, err)
		owners, err := tr.Owners(nil, &f, network)
		must(t, err)
		for _, o := range owners {
			if o.PID != os.Getpid() || o.How != Inferred || o.UID != uint32(os.Geteuid()) || o.Name == "" || len(o.Args) == 0 {
				t.Errorf("%v of %+v", o.How, o.Process)
			}
			roles[o.Role]++
		}
		if len(owners) > 2 {
			t.Errorf("%d owners", len(owners))
		}
		if roles[Sender] >= 4 && roles[Receiver] >= 4 { // SYN, SYN ACK, ACK and a datagram
			break
		}
	}
	if roles[Sender] < 4 || roles[Receiver] < 4 {
		t.Errorf("%v", roles)
	}
	if len(tr.Notes()) == 0 {
		t.Error("it does not say what is not known")
	}
}

// Of more sockets than may be remembered, those that are not are counted.
func TestLookIsBounded(t *testing.T) {
	netlab.Need(t)
	loopbackUp(t)
	for range 8 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer l.Close()
	}
	tr, err := Look(&Config{Sockets: 4})
	must(t, err)
	defer tr.Close()
	if n := len(tr.looker.cookies); n > 4 || tr.Losses().Sockets < 4 {
		t.Errorf("%d are remembered, %d forgotten", n, tr.Losses().Sockets)
	}
}

// Whatever the kernel answers, it is read or refused.
func TestParseDiag(t *testing.T) {
	message := make([]byte, 16+diagMessage)
	order.PutUint32(message, uint32(len(message)))
	order.PutUint16(message[4:], sockDiagByFamily)
	m := message[16:]
	m[0] = 2
	copy(m[4:], []byte{0, 80, 1, 0})
	copy(m[8:], []byte{192, 0, 2, 1})
	copy(m[24:], []byte{192, 0, 2, 2})
	order.PutUint32(m[44:], 7)
	order.PutUint32(m[68:], 4711)
	end := make([]byte, 20)
	order.PutUint32(end, 20)
	order.PutUint16(end[4:], 3) // NLMSG_DONE
	whole := slices.Concat(message, end)
	var got []standing
	done, err := parseDiag(whole, 6, func(s *standing) { got = append(got, *s) })
	want := standing{ends{6, netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("192.0.2.2:256")}, 4711, 7}
	if !done || err != nil || !slices.Equal(got, []standing{want}) {
		t.Errorf("%v %v %+v", done, err, got)
	}
	for i := range whole {
		for _, v := range []byte{0, 1, 15, 0x7f, 0xff} {
			b := slices.Clone(whole)
			b[i] = v
			n := 0
			if _, err := parseDiag(b[:len(b)-i/2], 6, func(*standing) { n++ }); err == nil && n > 2 {
				t.Errorf("%d sockets", n)
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
