//go:build amd64 || arm64

package follow_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"sockwire/capture/trace"
	"sockwire/capture/trace/follow"
	"sockwire/raw/netlab"
)

// resetter is refused once, closes a connection with unread data, and gives one up.
func resetter() {
	check := func(err error) {
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(99)
		}
	}
	if _, err := net.Dial("tcp4", "127.0.0.1:1"); err == nil {
		os.Exit(98)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	check(err)
	pair := func() (a, b *net.TCPConn) {
		c, err := net.Dial("tcp4", l.Addr().String())
		check(err)
		d, err := l.Accept()
		check(err)
		return c.(*net.TCPConn), d.(*net.TCPConn)
	}
	a, b := pair()
	_, err = b.Write([]byte("unread, and a byte that is read"))
	check(err)
	_, err = a.Read(make([]byte, 1)) // the rest is there
	check(err)
	a.Close()
	b.Close()
	a, b = pair()
	check(a.SetLinger(0))
	a.Close()
	b.Close()
}

// TestResets: the kernel says of each reset why it sent it.
func TestResets(t *testing.T) {
	netlab.Need(t)
	if err := netlab.LoopbackUp(0); err != nil {
		t.Fatal(err)
	}
	s, err := follow.Start(t.Context(), trace.Command{Path: "/proc/self/exe", Args: []string{"resetter"}}, &follow.Config{Engine: follow.EBPF, Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	deaf := s.Fallback() != nil || s.Deaf() != nil
	if deaf && netlab.FirstUsers() && os.Getenv("REQUIRE_NETLAB") == "1" {
		t.Fatalf("%v %v", s.Deaf(), s.Fallback())
	}
	var resets []string
	for step, err := range s.Steps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if step.Note != nil {
			t.Log(step.Note.Text)
		}
		if !step.Last {
			continue
		}
		for _, p := range step.Timeline.Packets {
			if p.TCP == nil || !strings.Contains(p.TCP.Flags.String(), "R") {
				if p.Said != nil {
					t.Errorf("the kernel says of a packet that is no reset: %+v", p.Said)
				}
				continue
			}
			said := "nothing"
			if p.Said != nil {
				said = p.Said.Cause
				if p.Said.Why == "" {
					t.Errorf("%+v", p.Said)
				}
			}
			resets = append(resets, said)
		}
	}
	want := "NO_SOCKET TCP_ABORT_ON_CLOSE TCP_STATE"
	if deaf {
		want = "nothing nothing nothing"
	}
	if got := strings.Join(resets, " "); got != want {
		t.Errorf("the kernel says of resets %s, not %s", got, want)
	}
}
