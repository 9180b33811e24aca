package pathlab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/netlab"
)

func TestMain(m *testing.M) { netlab.Run(m) }

// hop sends one datagram with a TTL and says who answers, by the error queue.
func hop(t *testing.T, n *Net, dst netip.Addr, ttl int, sport, dport uint16, wait time.Duration) string {
	t.Helper()
	name := "*"
	err := n.Source.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, ttl)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(sport)}); err != nil {
			return err
		}
		if err := unix.Sendto(fd, []byte("hello"), 0, &unix.SockaddrInet4{Port: int(dport), Addr: dst.As4()}); err != nil {
			return err
		}
		poll := []unix.PollFd{{Fd: int32(fd)}}
		if ready, _ := unix.Poll(poll, int(wait.Milliseconds())); ready == 0 {
			return nil
		}
		oob := make([]byte, 200)
		_, oobn, _, _, err := unix.Recvmsg(fd, nil, oob, unix.MSG_ERRQUEUE)
		if err != nil {
			return err
		}
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR {
				name = n.Name(netip.AddrFrom4([4]byte(m.Data[16+4 : 16+8])))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestChain(t *testing.T) {
	netlab.Need(t)
	start := time.Now()
	n := New(t, Config{Edges: Chain(30)})
	t.Logf("a chain of 30 hops took %v", time.Since(start))
	for ttl := 1; ttl <= 30; ttl++ {
		want := fmt.Sprintf("r%d", ttl)
		if ttl == 30 {
			want = "t"
		}
		if got := hop(t, n, n.Dst4, ttl, 0, 33434, 2*time.Second); got != want {
			t.Errorf("TTL %d: %s answered, expected %s", ttl, got, want)
		}
	}
}

func TestSilence(t *testing.T) {
	n := New(t, Config{Edges: Chain(4)})
	if err := n.Silence("r2"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for ttl := 1; ttl <= 4; ttl++ {
		got = append(got, hop(t, n, n.Dst4, ttl, 0, 33434, 100*time.Millisecond))
	}
	if strings.Join(got, " ") != "r1 * r3 t" {
		t.Errorf("answers %v", got)
	}
}

// The kernel balances by flow, and each router by its own hash.
func TestDiamonds(t *testing.T) {
	cfg := Config{Edges: Diamonds(4, 2)}
	n := New(t, cfg)
	seen := map[string]bool{}
	for sport := range 128 {
		var path []string
		for ttl := 1; ttl <= 6; ttl++ {
			path = append(path, hop(t, n, n.Dst4, ttl, uint16(20000+sport), 33434, 2*time.Second))
		}
		seen[strings.Join(path, " ")] = true
	}
	if want := cfg.Paths(); len(want) != 8 || len(seen) != len(want) {
		t.Errorf("%d paths of %d: %v", len(seen), len(want), seen)
	} else {
		for _, p := range want {
			if !seen[p] {
				t.Errorf("%s was not seen", p)
			}
		}
	}
}

// A box carries packets between its neighbours: here to each in turn, and the way back.
func TestBox(t *testing.T) {
	turn := 0
	cfg := Config{Edges: "s-a a-x x-b1 x-b2 b1-c b2-c c-t", Boxes: map[string]Box{"x": func(in string, packet []byte) (string, []byte) {
		if in != "a" {
			return "a", packet
		}
		if packet[0]>>4 == 4 && packet[9] == unix.IPPROTO_UDP { // and not what hosts ask on a link of their own accord
			turn++
		}
		return []string{"b1", "b2"}[turn%2], packet
	}}}
	n := New(t, cfg)
	seen := map[string]int{}
	for range 10 {
		seen[hop(t, n, n.Dst4, 2, 20000, 33434, 2*time.Second)]++
	}
	if seen["b1"] != 5 || seen["b2"] != 5 {
		t.Errorf("%v", seen)
	}
	if got := hop(t, n, n.Dst4, 4, 20000, 33434, 2*time.Second); got != "t" {
		t.Errorf("TTL 4: %s", got)
	}
	if got := strings.Join(cfg.Paths(), ","); got != "a b1 c t,a b2 c t" {
		t.Errorf("paths %s", got)
	}
}

func TestReroute(t *testing.T) {
	n := New(t, Config{Edges: "s-a a-b a-c b-d c-d d-t"})
	for _, want := range []string{"b", "c"} {
		if err := n.Reroute("a", want); err != nil {
			t.Fatal(err)
		}
		if got := hop(t, n, n.Dst4, 2, 0, 33434, 2*time.Second); got != want {
			t.Errorf("%s answered, expected %s", got, want)
		}
	}
}
