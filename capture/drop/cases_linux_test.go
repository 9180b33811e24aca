//go:build amd64 || arm64

package drop_test

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/capture/drop"
	"sockwire/raw/netlab"
)

// control does something with the descriptor of a connection or listener.
func control(t testing.TB, c any, do func(fd int) error) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		var inner error
		err = raw.Control(func(fd uintptr) { inner = do(int(fd)) })
		if err == nil {
			err = inner
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// datagram is a UDP datagram from a to a port of b, with the marker.
func (s *stage) datagram(port int) {
	s.frame("ip{src=AIP,dst=BIP}/udp{sport=1000,dport=%d}/hex{%x}", port, marker)
}

// client sends datagrams from a socket of a.
func (s *stage) client(to netip.AddrPort, n int) uint64 {
	s.t.Helper()
	c, cookie := s.udp(s.a, 0)
	for range n {
		if _, err := c.WriteToUDPAddrPort([]byte(marker), to); err != nil {
			s.t.Logf("send: %v", err)
		}
	}
	return cookie
}

func (s *stage) command(h *netlab.Host, name string, args ...string) {
	s.t.Helper()
	if out, err := h.Command(s.t.Context(), name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

var cases = []lossCase{
	{name: "no socket", reason: "NO_SOCKET", counter: "Udp NoPorts", run: func(s *stage) expected {
		for range 3 {
			s.datagram(9)
		}
		return expected{n: 3}
	}},
	{name: "SYN to a closed port", reason: "NO_SOCKET", counter: "Tcp OutRsts", run: func(s *stage) expected {
		for range 3 {
			s.frame("ip{src=AIP,dst=BIP}/tcp{sport=1000,dport=9,flags=S}/hex{%x}", marker)
		}
		return expected{n: 3}
	}},
	{name: "receive buffer", reason: "SOCKET_RCVBUFF", counter: "Udp RcvbufErrors", run: func(s *stage) expected {
		c, cookie := s.udp(s.b, 7000)
		s.must(c.SetReadBuffer(0)) // the kernel's least
		full := 0
		for before := counters(s.t, s.b)["Udp RcvbufErrors"]; full < 4; full = counters(s.t, s.b)["Udp RcvbufErrors"] - before {
			s.datagram(7000)
		}
		return expected{n: full, cookie: cookie, role: drop.Receiver}
	}},
	{name: "netfilter", reason: "NETFILTER_DROP", peer: "nft", run: func(s *stage) expected {
		s.command(s.b, "nft", "table ip t { chain in { type filter hook input priority 0; udp dport 7000 counter drop; }; }")
		s.udp(s.b, 7000)
		for range 3 {
			s.datagram(7000)
		}
		out, err := s.b.Command(s.t.Context(), "nft", "list", "ruleset").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "counter packets 3 ") {
			s.t.Errorf("nft counts: %v %s", err, out)
		}
		return expected{n: 3}
	}},
	{name: "rp_filter", reason: "IP_RPFILTER", counter: "TcpExt IPReversePathFilter", run: func(s *stage) expected {
		s.must(s.b.Sysctl("net.ipv4.conf.all.rp_filter", "1"))
		s.must(s.b.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Ifname: "lo"}))
		s.frame("ip{src=198.51.100.9,dst=BIP}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "IP checksum", reason: "IP_CSUM", counter: "IpExt InCsumErrors", run: func(s *stage) expected {
		s.frame("ip{src=AIP,dst=BIP,chksum=1}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1, cookie: s.cookie, role: drop.Sender}
	}},
	{name: "UDP checksum", reason: "UDP_CSUM", counter: "Udp InCsumErrors", run: func(s *stage) expected {
		s.udp(s.b, 7000)
		s.frame("ip{src=AIP,dst=BIP}/udp{sport=1000,dport=7000,chksum=1}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "TCP checksum", reason: "TCP_CSUM", counter: "Tcp InCsumErrors", run: func(s *stage) expected {
		s.frame("ip{src=AIP,dst=BIP}/tcp{sport=1000,dport=9,flags=S,chksum=1}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "ICMP checksum", reason: "ICMP_CSUM", counter: "Icmp InCsumErrors", run: func(s *stage) expected {
		s.frame("ip{src=AIP,dst=BIP}/icmp{type=8,chksum=1}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "too small", reason: "PKT_TOO_SMALL", counter: "Udp InErrors", run: func(s *stage) expected {
		s.frame("ip{src=AIP,dst=BIP}/udp{sport=1000,dport=9,len=200}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "header errors", reason: "IP_INHDR", counter: "Ip InHdrErrors", run: func(s *stage) expected {
		s.frame("ip{src=AIP,dst=BIP,version=5}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1, cookie: s.cookie, role: drop.Sender, layers: 1}
	}},
	{name: "TTL", reason: "IP_INHDR", counter: "Ip InHdrErrors", run: func(s *stage) expected {
		s.forwarding()
		s.frame("ip{src=AIP,dst=198.51.100.9,ttl=1}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "no route", reason: "IP_INNOROUTES", counter: "IpExt InNoRoutes", run: func(s *stage) expected {
		s.must(s.b.Sysctl("net.ipv4.ip_forward", "1"))
		s.frame("ip{src=AIP,dst=203.0.113.9}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "not ours", reason: "IP_INADDRERRORS", counter: "Ip InAddrErrors", run: func(s *stage) expected {
		s.must(s.b.Sysctl("net.ipv4.ip_forward", "0"))
		s.must(s.b.Sysctl("net.ipv4.conf.all.forwarding", "0"))
		s.frame("ip{src=AIP,dst=203.0.113.9}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "MTU", reason: "PKT_TOO_BIG", counter: "Ip FragFails", run: func(s *stage) expected {
		s.forwarding()
		s.must(s.b.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("198.51.100.9/32"), Via: s.a.Addr4(), MTU: 600}))
		s.frame("ip{src=AIP,dst=198.51.100.9,flags=2}/udp{sport=1000,dport=9}/hex{%x}", marker+strings.Repeat(".", 700))
		return expected{n: 1}
	}},
	{name: "other host", reason: "OTHERHOST", run: func(s *stage) expected {
		s.send(s.build("eth{src=AMAC,dst=02:00:00:00:99:99}/ip{src=AIP,dst=BIP}/udp{sport=1000,dport=9}/hex{%x}", marker))
		return expected{n: 1, cookie: s.cookie, role: drop.Sender}
	}},
	{name: "unhandled protocol", reason: "UNHANDLED_PROTO", run: func(s *stage) expected {
		s.send(s.build("eth{src=AMAC,dst=BMAC,type=0x88b5}/hex{%x}", marker))
		return expected{n: 1, cookie: s.cookie, role: drop.Sender}
	}},
	{name: "unknown IP protocol", reason: "IP_NOPROTO", counter: "Ip InUnknownProtos", run: func(s *stage) expected {
		s.frame("ip{src=AIP,dst=BIP,proto=253}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "socket filter", reason: "SOCKET_FILTER", counter: "Udp InErrors", run: func(s *stage) expected {
		c, cookie := s.udp(s.b, 7000)
		none, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
		s.must(err)
		control(s.t, c, func(fd int) error {
			return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{
				Len: 1, Filter: &unix.SockFilter{Code: none[0].Op, K: none[0].K},
			})
		})
		s.datagram(7000)
		return expected{n: 1, cookie: cookie, role: drop.Receiver}
	}},
	// The kernel has the reason XDP, and gives it in drivers only; of what it runs itself the function tells.
	{name: "XDP", reason: "NOT_SPECIFIED", place: "do_xdp_generic", run: func(s *stage) expected {
		p := s.program(ebpf.XDP, 0, drops(1)) // XDP_DROP
		s.must(s.b.Do(func() error {
			l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: s.b.Ifindex(), Flags: link.XDPGenericMode})
			s.undo = l
			return err
		}))
		s.datagram(7000)
		return expected{n: 1, cookie: s.cookie, role: drop.Sender}
	}},
	{name: "tc in", reason: "TC_INGRESS", run: func(s *stage) expected {
		s.tcx(s.b, ebpf.AttachTCXIngress)
		s.datagram(7000)
		return expected{n: 1, cookie: s.cookie, role: drop.Sender}
	}},
	{name: "tc out", reason: "TC_EGRESS", sender: true, run: func(s *stage) expected {
		s.tcx(s.a, ebpf.AttachTCXEgress)
		return expected{n: 2, cookie: s.client(netip.AddrPortFrom(s.b.Addr4(), 7000), 2), role: drop.Sender}
	}},
	{name: "neighbour failed", reason: "NEIGH_FAILED", sender: true, run: func(s *stage) expected {
		s.unresolved()
		return expected{n: 2, cookie: s.client(silent, 2), role: drop.Sender}
	}},
	{name: "neighbour queue full", reason: "NEIGH_QUEUEFULL", sender: true, run: func(s *stage) expected {
		s.unresolved()
		s.must(s.a.Sysctl("net.ipv4.neigh."+s.a.Ifname()+".unres_qlen_bytes", "1")) // one waits
		return expected{n: 4, cookie: s.client(silent, 5), role: drop.Sender, also: map[string]bool{"NEIGH_FAILED": true}}
	}},
	{name: "queue", reason: "QDISC_DROP", sender: true, run: func(s *stage) expected {
		s.must(s.a.LimitRate(s.a.Ifname(), 8000, 2000, 2000))
		s.udp(s.b, 7000)
		c, cookie := s.udp(s.a, 0)
		control(s.t, c, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1) })
		refused := 0
		for i := 0; refused < 4 && i < 1000; i++ {
			if _, err := c.WriteToUDPAddrPort([]byte(marker+strings.Repeat(".", 700)), netip.AddrPortFrom(s.b.Addr4(), 7000)); err != nil {
				refused++
			}
		}
		return expected{n: refused, cookie: cookie, role: drop.Sender}
	}},
	{name: "closed with data unread", reason: "NOT_SPECIFIED", place: "udp_destruct_common", run: func(s *stage) expected {
		c, _ := s.udp(s.b, 7000)
		s.datagram(7000)
		unread(s.t, c)
		s.must(c.Close())
		return expected{n: 1}
	}},
	{name: "source is ours", reason: "IP_LOCAL_SOURCE", run: func(s *stage) expected {
		s.frame("ip{src=BIP,dst=BIP}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "source is none", reason: "IP_INVALID_SOURCE", run: func(s *stage) expected {
		s.frame("ip{src=255.255.255.255,dst=BIP}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "loopback from outside", reason: "IP_LOCALNET", run: func(s *stage) expected {
		s.frame("ip{src=AIP,dst=127.0.0.1}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "for one in a frame for many", reason: "UNICAST_IN_L2_MULTICAST", run: func(s *stage) expected {
		s.must(s.b.Sysctl("net.ipv4.conf.all.drop_unicast_in_l2_multicast", "1"))
		s.send(s.build("eth{src=AMAC,dst=01:00:5e:00:00:01}/ip{src=AIP,dst=BIP}/udp{sport=1000,dport=9}/hex{%x}", marker))
		return expected{n: 1}
	}},
	{name: "no IPv6", reason: "IPV6DISABLED", run: func(s *stage) expected {
		s.frame("ip6{src=2001:db8::1,dst=2001:db8::2}/udp{sport=1000,dport=9}/hex{%x}", marker)
		return expected{n: 1, cookie: s.cookie, role: drop.Sender}
	}},
	{name: "fragment twice", reason: "DUP_FRAG", run: func(s *stage) expected {
		for range 2 {
			s.frame("ip{src=AIP,dst=BIP,proto=17,id=7,flags=1}/hex{%x}", marker)
		}
		return expected{n: 1, also: map[string]bool{"FRAG_REASM_TIMEOUT": true}}
	}},
	{name: "fragments too late", reason: "FRAG_REASM_TIMEOUT", counter: "Ip ReasmTimeout", run: func(s *stage) expected {
		s.must(s.b.Sysctl("net.ipv4.ipfrag_time", "1"))
		s.frame("ip{src=AIP,dst=BIP,proto=17,id=7,flags=1}/hex{%x}", marker)
		return expected{n: 1}
	}},
}

// silent is an address on the link that nobody has.
var silent = netip.MustParseAddrPort("10.0.1.99:7000")

// unresolved makes a ask for its neighbours, for a short time.
func (s *stage) unresolved() {
	prefix := "net.ipv4.neigh." + s.a.Ifname() + "."
	for name, value := range map[string]string{"retrans_time_ms": "20", "mcast_solicit": "1", "ucast_solicit": "1", "app_solicit": "0"} {
		s.must(s.a.Sysctl(prefix+name, value))
	}
}

// forwarding makes b a router, with a way to 198.51.100.9.
func (s *stage) forwarding() {
	s.must(s.b.Sysctl("net.ipv4.ip_forward", "1"))
	s.must(s.b.Sysctl("net.ipv4.conf.all.send_redirects", "0"))
	s.must(s.b.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Via: s.a.Addr4()}))
}

// unread waits until something is in the receive buffer.
func unread(t testing.TB, c any) {
	control(t, c, func(fd int) error {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
		return err
	})
}

// drops is a program that says one thing of all packets.
func drops(verdict int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, verdict), asm.Return()}
}

func (s *stage) program(kind ebpf.ProgramType, attach ebpf.AttachType, code asm.Instructions) *ebpf.Program {
	s.t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: kind, AttachType: attach, Instructions: code, License: "GPL"})
	s.must(err)
	s.t.Cleanup(func() { p.Close() })
	return p
}

func (s *stage) tcx(h *netlab.Host, attach ebpf.AttachType) {
	s.t.Helper()
	p := s.program(ebpf.SchedCLS, attach, drops(2)) // TC_ACT_SHOT
	s.must(h.Do(func() error {
		l, err := link.AttachTCX(link.TCXOptions{Program: p, Interface: h.Ifindex(), Attach: attach})
		s.undo = l
		return err
	}))
}
