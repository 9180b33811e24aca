package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { exercises["share"] = exerciseShare }

// exerciseShare has sockets that share their addresses, so that only the kernel knows which of them a packet is of.
func exerciseShare() {
	sharing := func(kind, proto int, to unix.Sockaddr) int {
		s := got(unix.Socket(unix.AF_INET, kind|unix.SOCK_NONBLOCK, proto))
		did(unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		did(unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		did(unix.Bind(s, to))
		return s
	}
	// drain reads what the sockets have; on loopback it is there when the send has returned.
	drain := func(all ...int) (n int) {
		for _, s := range all {
			b := make([]byte, 100)
			for {
				if _, _, err := unix.Recvfrom(s, b, 0); err != nil {
					break
				}
				n++
			}
		}
		return n
	}

	// A group of receivers: the kernel chooses one for each sender.
	group := &unix.SockaddrInet4{Port: 5001, Addr: [4]byte{127, 0, 0, 1}}
	a, b, c := sharing(unix.SOCK_DGRAM, 0, group), sharing(unix.SOCK_DGRAM, 0, group), sharing(unix.SOCK_DGRAM, 0, group)
	for i := range 12 {
		s := got(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
		did(unix.Sendto(s, []byte("group"), 0, group))
		if i%2 == 0 {
			did(unix.Sendto(s, []byte("again"), 0, group))
		}
		unix.Close(s)
		expect(drain(a, b, c) == 1+(i+1)%2, "a datagram came to no member or to several")
	}

	// Senders of one port.
	to := &unix.SockaddrInet4{Port: 5002, Addr: [4]byte{127, 0, 0, 1}}
	r := sharing(unix.SOCK_DGRAM, 0, to)
	for i := range 12 {
		did(unix.Sendto([]int{a, b, c}[i*i%3], []byte("sender"), 0, to))
	}
	drain(r)

	// Members of a multicast group, of which nothing leaves this host.
	multicast := &unix.SockaddrInet4{Port: 5003, Addr: [4]byte{239, 255, 0, 1}}
	m, n := sharing(unix.SOCK_DGRAM, 0, multicast), sharing(unix.SOCK_DGRAM, 0, multicast)
	for _, s := range []int{m, n} {
		did(unix.SetsockoptIPMreqn(s, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: multicast.Addr, Address: [4]byte{127, 0, 0, 1}}))
	}
	did(unix.SetsockoptInet4Addr(r, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, [4]byte{127, 0, 0, 1}))
	did(unix.SetsockoptInt(r, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 0))
	for range 3 {
		did(unix.Sendto(r, []byte("members"), 0, multicast))
	}
	expect(drain(m, n) == 6, "a member got no copy")

	// Raw sockets each get a copy.
	p, q := got(unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK, 253)), got(unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK, 253))
	for range 3 {
		did(unix.Sendto(p, []byte("protocol 253"), 0, loopback(false)))
	}
	expect(drain(p, q) == 6, "a raw socket got no copy")

	// Listeners: which one has the connection is told by its backlog alone, for nobody accepts it.
	listen := &unix.SockaddrInet4{Port: 5004, Addr: [4]byte{127, 0, 0, 1}}
	x, y := sharing(unix.SOCK_STREAM, 0, listen), sharing(unix.SOCK_STREAM, 0, listen)
	did(unix.Listen(x, 5))
	did(unix.Listen(y, 5))
	var clients []int
	for range 6 {
		s := got(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
		did(unix.Connect(s, listen))
		clients = append(clients, s)
		ready := []unix.PollFd{{Fd: int32(x), Events: unix.POLLIN}, {Fd: int32(y), Events: unix.POLLIN}}
		got(unix.Poll(ready, 0))
		fmt.Println("backlogs", x, queued(x), y, queued(y))
	}
	for _, s := range append(clients, a, b, c, r, m, n, p, q, x, y) {
		unix.Close(s)
	}
}

// queued is how many connections wait to be accepted.
func queued(s int) int {
	info, err := unix.GetsockoptTCPInfo(s, unix.IPPROTO_TCP, unix.TCP_INFO)
	did(err)
	return int(info.Unacked) // of a listener, tcp_get_info says there
}

// TestShared: with the kernel's programs, packets are of the sockets that sent and got them, also where several have
// the same address.
func TestShared(t *testing.T) {
	if !slices.Contains(each(t), "ebpf") {
		t.Skip("the kernel takes no programs here")
	}
	j := newJudge(t)
	r := j.with("ebpf").record(t, j.host(t, "sockwire", false), t.TempDir(), nil, "exercise", "share")
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("%+v", r.outcome)
	}
	r.check(t, false)
	sockets := func(p *sighting) []string {
		all := append([]string{p.To}, p.Also...)
		slices.Sort(all)
		return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
	}

	by, takers := map[int]*call{}, map[int][]string{}
	for _, c := range r.calls {
		by[c.Number] = c
		for _, s := range c.Received {
			takers[s.Call] = append(takers[s.Call], c.Socket)
		}
	}
	kinds := map[string]int{}
	for _, p := range r.packets {
		if len(p.Carries) != 1 {
			continue
		}
		send := by[p.Carries[0].Call]
		data := string(send.sent(t, 0))
		kinds[data]++
		if p.From != send.Socket {
			t.Errorf("packet %d (%s) is of #%d on %s, and of %s", p.Number, data, send.Number, send.Socket, p.From)
		}
		want := takers[send.Number]
		slices.Sort(want)
		if got := sockets(p); !slices.Equal(got, want) {
			t.Errorf("packet %d (%s) went to %v, and %v received it", p.Number, data, got, want)
		}
	}
	for data, n := range map[string]int{"group": 12, "again": 6, "sender": 12, "members": 3, "protocol 253": 3} {
		if kinds[data] != n {
			t.Errorf("%d packets carry %q, want %d", kinds[data], data, n)
		}
	}

	// Each connection is at the listener of which the backlog grew.
	listener := map[string]string{}
	for _, c := range r.calls {
		if c.Name == "listen" {
			listener[strconv.Itoa(*c.FD)] = c.Socket
		}
	}
	var want, got []string
	before := map[string]string{}
	for line := range strings.Lines(r.Stdout) {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] != "backlogs" {
			continue
		}
		for i := 1; i < 5; i += 2 {
			if f[i+1] != "0" && f[i+1] != before[f[i]] {
				want = append(want, listener[f[i]])
			}
			before[f[i]] = f[i+1]
		}
	}
	for _, p := range r.packets {
		if p.TCP != nil && p.TCP.Flags == "S" {
			got = append(got, p.To)
		}
	}
	if len(want) != 6 || !slices.Equal(got, want) {
		t.Errorf("connections at %v, their packets to %v", want, got)
	}
}
