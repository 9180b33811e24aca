package netlab_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"sockwire/raw/netlab"
)

const patience = 10 * time.Second // for what should take no time

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listenUDP opens a socket on a host, on any address when addr is not valid.
func listenUDP(t testing.TB, h *netlab.Host, addr netip.Addr) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	try(t, h.Do(func() (err error) {
		if addr.IsValid() {
			c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		} else {
			c, err = net.ListenUDP("udp", nil)
		}
		return err
	}))
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(patience))
	return c
}

func port(c *net.UDPConn) uint16 { return c.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

// exchange sends a datagram from one host to an address of another and checks that it comes.
func exchange(t *testing.T, from, to *netlab.Host, addr netip.Addr) {
	t.Helper()
	server, client := listenUDP(t, to, netip.Addr{}), listenUDP(t, from, netip.Addr{})
	if _, err := client.WriteToUDPAddrPort([]byte("hello"), netip.AddrPortFrom(addr, port(server))); err != nil {
		t.Fatalf("to %v: %v", addr, err)
	}
	buf := make([]byte, 100)
	n, peer, err := server.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != "hello" || peer.Port() != port(client) {
		t.Fatalf("to %v: received %q from %v, %v", addr, buf[:n], peer, err)
	}
}

func TestUDPBetweenHosts(t *testing.T) {
	netlab.Need(t)
	start := time.Now()
	_, a, b := netlab.Two(t)
	t.Logf("a lab of two hosts took %v", time.Since(start))
	exchange(t, a, b, b.Addr4())
	exchange(t, a, b, b.Addr6())
	exchange(t, b, a, a.Addr4())
	exchange(t, b, a, a.Addr6())
	exchange(t, a, a, netip.MustParseAddr("127.0.0.1"))
	exchange(t, a, a, netip.MustParseAddr("::1"))
}

func TestTCPBetweenHosts(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, addr := range []netip.Addr{b.Addr4(), b.Addr6()} {
		transfer(t, a, b, addr, 1<<20)
	}
}

// transfer sends bytes over TCP and checks that the same arrive.
func transfer(t *testing.T, from, to *netlab.Host, addr netip.Addr, size int) {
	t.Helper()
	var l *net.TCPListener
	try(t, to.Do(func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		return err
	}))
	defer l.Close()
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	sent := from.Go(func() error {
		c, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
		if err != nil {
			return err
		}
		c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write(data); err != nil {
			return err
		}
		return c.Close()
	})
	l.SetDeadline(time.Now().Add(patience))
	c, err := l.Accept()
	try(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(c)
	try(t, err)
	try(t, sent())
	if !bytes.Equal(got, data) {
		t.Errorf("to %v: %d bytes received, not the %d sent", addr, len(got), len(data))
	}
}

func TestHostsDescribeThemselves(t *testing.T) {
	lab, a, b := netlab.Two(t)
	c, err := lab.Host("c")
	try(t, err)
	if c.Addr4().IsValid() || c.Ifname() != "" || len(c.Ends()) != 0 {
		t.Errorf("a host without links has %v", c.Ends())
	}
	k, err := lab.Link(b, c, netlab.LinkConfig{MTU: 9000})
	try(t, err)
	if k.A.Ifname != "eth1" || k.B.Ifname != "eth0" || k.A.Host != b || k.B != c.Ends()[0] {
		t.Errorf("link %+v", k)
	}
	for _, h := range []*netlab.Host{a, b, c} {
		for _, e := range h.Ends() {
			var ifc *net.Interface
			try(t, h.Do(func() (err error) { ifc, err = net.InterfaceByName(e.Ifname); return err }))
			if ifc.Index != e.Ifindex || !bytes.Equal(ifc.HardwareAddr, e.MAC[:]) || ifc.Flags&net.FlagRunning == 0 {
				t.Errorf("%s: %+v, but the kernel says %+v", h.Name(), e, ifc)
			}
		}
	}
	if _, err := lab.Host("a"); err == nil {
		t.Error("a second host a was made")
	}
	if _, err := lab.Link(a, a, netlab.LinkConfig{}); err == nil {
		t.Error("a host was joined to itself")
	}
	if _, err := lab.Link(a, b, netlab.LinkConfig{MTU: 67}); err == nil {
		t.Error("an MTU of 67 was accepted")
	}
	if k, err := lab.Link(a, c, netlab.LinkConfig{MTU: 576}); err != nil || k.A.Addr6.IsValid() {
		t.Errorf("a link too small for IPv6: %+v, %v", k, err)
	}
}

func TestMTU(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := func(size int) error {
		c := listenUDP(t, a, a.Addr4())
		raw, err := c.SyscallConn()
		try(t, err)
		raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
		})
		try(t, err)
		_, err = c.WriteToUDPAddrPort(make([]byte, size), netip.AddrPortFrom(b.Addr4(), 9))
		return err
	}
	try(t, send(1500-28))
	try(t, a.SetMTU(a.Ifname(), 1400))
	try(t, send(1400-28))
	if err := send(1400 - 27); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("a packet larger than the MTU: %v", err)
	}
	if err := a.SetMTU("eth9", 1400); err == nil || !strings.Contains(err.Error(), "eth9") {
		t.Errorf("no such interface: %v", err)
	}
}

func TestSysctl(t *testing.T) {
	_, a, b := netlab.Two(t)
	for name, value := range map[string]string{
		"net.ipv4.ping_group_range":     "0\t0",
		"net.ipv4.icmp_ratelimit":       "0",
		"net.ipv6.icmp.ratelimit":       "0",
		"net/ipv4/conf/eth0/accept_ra":  "",
		"net/ipv6/conf/eth0/hop_limit":  "17",
		"net.ipv4.ip_default_ttl":       "33",
		"net.core.somaxconn":            "77",
		"net.ipv4.ip_unprivileged_port": "",
	} {
		err := a.Sysctl(name, value)
		if value == "" {
			if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
				t.Errorf("%s does not exist, and yet: %v", name, err)
			}
			continue
		}
		try(t, err)
		mine, err := a.ReadSysctl(name)
		try(t, err)
		other, err := b.ReadSysctl(name)
		try(t, err)
		if mine != value || other == value {
			t.Errorf("%s: set to %q, reads %q, and %q on the other host", name, value, mine, other)
		}
	}
}

func TestRouters(t *testing.T) {
	netlab.Need(t)
	lab, err := netlab.New(nil)
	try(t, err)
	defer lab.Close()
	a, err := lab.Host("a")
	try(t, err)
	b, err := lab.Host("b")
	try(t, err)
	chain := []*netlab.Host{a}
	for i := range 3 {
		r, err := lab.Router(fmt.Sprintf("r%d", i))
		try(t, err)
		chain = append(chain, r)
	}
	chain = append(chain, b)
	for i := range chain[1:] {
		_, err := lab.Link(chain[i], chain[i+1], netlab.LinkConfig{})
		try(t, err)
	}
	exchange(t, a, b, b.Addr4())
	exchange(t, b, a, a.Addr6())

	server := listenUDP(t, b, netip.Addr{})
	try(t, ipv4.NewPacketConn(server).SetControlMessage(ipv4.FlagTTL, true))
	try(t, ipv6.NewPacketConn(server).SetControlMessage(ipv6.FlagHopLimit, true))
	client := listenUDP(t, a, netip.Addr{})
	for _, addr := range []netip.Addr{b.Addr4(), b.Addr6()} {
		_, err := client.WriteToUDPAddrPort(nil, netip.AddrPortFrom(addr, port(server)))
		try(t, err)
		oob := make([]byte, 200)
		_, n, _, from, err := server.ReadMsgUDPAddrPort(nil, oob)
		try(t, err)
		msgs, err := unix.ParseSocketControlMessage(oob[:n])
		try(t, err)
		ttl := -1
		for _, m := range msgs {
			if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TTL || m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT {
				ttl = int(binary.NativeEndian.Uint32(m.Data))
			}
		}
		if ttl != 64-3 {
			t.Errorf("from %v through three routers: TTL %d", from, ttl)
		}
	}

	// A short cut is taken once it is there.
	_, err = lab.Link(chain[1], chain[3], netlab.LinkConfig{})
	try(t, err)
	_, err = client.WriteToUDPAddrPort(nil, netip.AddrPortFrom(b.Addr4(), port(server)))
	try(t, err)
	oob := make([]byte, 200)
	_, n, _, _, err := server.ReadMsgUDPAddrPort(nil, oob)
	try(t, err)
	if !bytes.Contains(oob[:n], binary.NativeEndian.AppendUint32(nil, 62)) {
		t.Errorf("through two routers: control messages % x have no TTL of 62", oob[:n])
	}
}

func TestDoComesBack(t *testing.T) {
	_, a, b := netlab.Two(t)
	here := func() string {
		ns, err := os.Readlink("/proc/thread-self/ns/net")
		try(t, err)
		return ns
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home := here()
	var inA, inB, inAAgain string
	try(t, a.Do(func() error {
		inA = here()
		try(t, b.Do(func() error { inB = here(); return nil }))
		inAAgain = here()
		return nil
	}))
	if inA == home || inB == home || inA == inB || inA != inAAgain || here() != home {
		t.Errorf("home %s, a %s, b %s, a again %s, home again %s", home, inA, inB, inAAgain, here())
	}
	func() {
		defer func() {
			if recover() != "oops" || here() != home {
				t.Error("a panic did not come through or left the thread on the host")
			}
		}()
		a.Do(func() error { panic("oops") })
	}()
	want := errors.New("mine")
	if err := a.Do(func() error { return want }); err != want {
		t.Errorf("Do returned %v", err)
	}
	if err := a.Go(func() error { runtime.Goexit(); return nil })(); err == nil {
		t.Error("Go of a function that ended its goroutine returned nil")
	}
	ended := make(chan string, 1)
	go func() {
		runtime.LockOSThread()
		defer func() { ended <- here() }()
		a.Do(func() error { runtime.Goexit(); return nil })
	}()
	if ns := <-ended; ns != home {
		t.Errorf("after runtime.Goexit in Do the thread is in %s", ns)
	}
}

func TestClose(t *testing.T) {
	lab, a, _ := netlab.Two(t)
	try(t, lab.Close())
	try(t, lab.Close())
	if err := a.Do(func() error { return nil }); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Do: %v", err)
	}
	if err := a.Command(t.Context(), "true").Run(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Command: %v", err)
	}
	if _, err := lab.Host("c"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Host: %v", err)
	}
}

func TestCommand(t *testing.T) {
	_, a, _ := netlab.Two(t)
	cmd := a.Command(t.Context(), "readlink", "/proc/self/ns/net")
	cmd.Env = []string{} // it needs nothing from the environment
	out, err := cmd.Output()
	try(t, err)
	var want string
	try(t, a.Do(func() (err error) { want, err = os.Readlink("/proc/thread-self/ns/net"); return err }))
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("the command ran in %s, the host is %s", got, want)
	}
	if err := a.Command(t.Context(), "no-such-program").Run(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
	err = a.Command(t.Context(), "sh", "-c", "exit 4").Run()
	if ee := (*exec.ExitError)(nil); !errors.As(err, &ee) || ee.ExitCode() != 4 {
		t.Errorf("exit 4: %v", err)
	}
	// A command outlives the Do in which it was started.
	var cat *exec.Cmd
	var in io.WriteCloser
	try(t, a.Do(func() (err error) {
		cat = a.Command(t.Context(), "cat")
		if in, err = cat.StdinPipe(); err != nil {
			return err
		}
		return cat.Start()
	}))
	in.Close()
	try(t, cat.Wait())
}

func TestPing(t *testing.T) {
	if _, err := exec.LookPath("ping"); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatalf("REQUIRE_PEERS=1, but %v", err)
		}
		t.Skip(err)
	}
	_, a, b := netlab.Two(t)
	for _, addr := range []netip.Addr{b.Addr4(), b.Addr6()} {
		out, err := a.Command(t.Context(), "ping", "-n", "-c", "3", "-i", "0.01", "-W", "5", addr.String()).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "3 received, 0% packet loss") {
			t.Errorf("ping %v: %v\n%s", addr, err, out)
		}
	}
}

// packetSocket captures all that crosses an interface of a host.
func packetSocket(t *testing.T, h *netlab.Host) *os.File {
	t.Helper()
	var f *os.File
	try(t, h.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		f = os.NewFile(uintptr(fd), "packet socket")
		var all [2]byte
		binary.BigEndian.PutUint16(all[:], unix.ETH_P_ALL)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(all[:]), Ifindex: h.Ifindex()})
	}))
	t.Cleanup(func() { f.Close() })
	try(t, f.SetReadDeadline(time.Now().Add(patience)))
	return f
}

// Nothing but what programs send is on a link, a router's or not.
func TestLinksAreSilent(t *testing.T) {
	t.Parallel()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	try(t, err)
	defer lab.Close()
	a, err := lab.Router("a")
	try(t, err)
	b, err := lab.Host("b")
	try(t, err)
	_, err = lab.Link(a, b, netlab.LinkConfig{})
	try(t, err)
	f := packetSocket(t, b)
	exchange(t, a, b, b.Addr4())
	exchange(t, a, b, b.Addr6())
	// Multicast reports would come within a second of a join (RFC 3810 section 9.11), and twice.
	f.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
	buf := make([]byte, 2000)
	var seen []string
	for {
		n, err := f.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		try(t, err)
		seen = append(seen, fmt.Sprintf("% x", buf[:n]))
	}
	if len(seen) != 2 {
		t.Errorf("two datagrams were sent, these frames were seen:\n%s", strings.Join(seen, "\n"))
	}
}

func TestResolve(t *testing.T) {
	netlab.Need(t)
	lab, err := netlab.New(nil)
	try(t, err)
	defer lab.Close()
	a, _ := lab.Host("a")
	b, _ := lab.Host("b")
	_, err = lab.Link(a, b, netlab.LinkConfig{Resolve: true})
	try(t, err)
	f := packetSocket(t, b)
	exchange(t, a, b, b.Addr4())
	buf := make([]byte, 2000)
	n, err := f.Read(buf)
	try(t, err)
	for n > 14 && buf[12] == 0x86 { // multicast reports come at a time of their own
		n, err = f.Read(buf)
		try(t, err)
	}
	if n < 14 || binary.BigEndian.Uint16(buf[12:]) != unix.ETH_P_ARP {
		t.Errorf("the first frame is not ARP: % x", buf[:n])
	}
	exchange(t, a, b, b.Addr6())
}

func TestRoutes(t *testing.T) {
	_, a, b := netlab.Two(t)
	prefix4, prefix6 := netip.MustParsePrefix("10.9.0.0/16"), netip.MustParsePrefix("fd09::/64")
	for _, p := range []netip.Prefix{prefix4, prefix6} {
		try(t, b.AddRoute(netlab.Route{Dst: p, Kind: netlab.Local}))
	}
	try(t, a.AddRoute(netlab.Route{Dst: prefix4, Via: b.Addr4()}))
	try(t, a.AddRoute(netlab.Route{Dst: prefix6, Via: b.Addr6()}))
	exchange(t, a, b, netip.MustParseAddr("10.9.77.3"))
	exchange(t, a, b, netip.MustParseAddr("fd09::abcd"))

	send := func(to string) error {
		_, err := listenUDP(t, a, netip.Addr{}).WriteToUDPAddrPort(nil, netip.AddrPortFrom(netip.MustParseAddr(to), 9))
		return err
	}
	for _, tt := range []struct {
		dst  string
		kind netlab.RouteKind
		want error
	}{
		{"192.0.2.1/32", netlab.Blackhole, unix.EINVAL},
		{"192.0.2.2/32", netlab.Unreachable, unix.EHOSTUNREACH},
		{"192.0.2.3/32", netlab.Prohibit, unix.EACCES},
		{"2001:db8::1/128", netlab.Blackhole, unix.EINVAL},
		{"2001:db8::2/128", netlab.Unreachable, unix.EHOSTUNREACH},
		{"2001:db8::3/128", netlab.Prohibit, unix.EACCES},
	} {
		dst := netip.MustParsePrefix(tt.dst)
		try(t, a.AddRoute(netlab.Route{Dst: dst, Kind: tt.kind}))
		if err := send(dst.Addr().String()); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, expected %v", tt.dst, err, tt.want)
		}
	}
	try(t, a.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"), Via: b.Addr4()}))
	try(t, send("192.0.2.200"))
	if err := a.AddRoute(netlab.Route{Dst: prefix4, Via: netip.MustParseAddr("198.51.100.1")}); err == nil {
		t.Error("a next hop that is not on a link was accepted")
	}
}

// A lab without routes has those that were asked for, and several next hops share the flows.
func TestSeveralNextHops(t *testing.T) {
	netlab.Need(t)
	lab, err := netlab.New(&netlab.Config{NoRoutes: true})
	try(t, err)
	defer lab.Close()
	hosts := map[string]*netlab.Host{}
	for _, name := range []string{"a", "b", "c", "d"} {
		hosts[name], err = lab.Router(name)
		try(t, err)
	}
	for _, edge := range []string{"ab", "ac", "bd", "cd"} {
		_, err := lab.Link(hosts[edge[:1]], hosts[edge[1:]], netlab.LinkConfig{})
		try(t, err)
	}
	a, b, c, d := hosts["a"], hosts["b"], hosts["c"], hosts["d"]
	for _, dst := range []netip.Addr{d.Addr4(), d.Addr6()} {
		if _, err := listenUDP(t, a, netip.Addr{}).WriteToUDPAddrPort(nil, netip.AddrPortFrom(dst, 9)); err == nil {
			t.Errorf("%v is reached, without a route", dst)
		}
	}
	for _, h := range hosts {
		try(t, h.Sysctl("net.ipv4.fib_multipath_hash_policy", "1"))
		try(t, h.Sysctl("net.ipv6.fib_multipath_hash_policy", "1"))
	}
	try(t, a.AddRoute(netlab.Route{Dst: netip.PrefixFrom(d.Addr4(), 32), Via: b.Addr4(), Others: []netip.Addr{c.Addr4()}}))
	try(t, a.AddRoute(netlab.Route{Dst: netip.PrefixFrom(d.Addr6(), 128), Via: b.Addr6(), Others: []netip.Addr{c.Addr6()}}))
	for _, dst := range []netip.Addr{d.Addr4(), d.Addr6()} {
		try(t, b.AddRoute(netlab.Route{Dst: netip.PrefixFrom(dst, dst.BitLen()), Via: dst}))
		via := d.Ends()[1].Addr4
		if dst.Is6() {
			via = d.Ends()[1].Addr6
		}
		server := listenUDP(t, d, netip.Addr{})
		toB, toC := sentBy(t, a, a.Ends()[0].Ifname), sentBy(t, a, a.Ends()[1].Ifname)
		try(t, c.AddRoute(netlab.Route{Dst: netip.PrefixFrom(dst, dst.BitLen()), Via: via}))
		for range 64 {
			_, err := listenUDP(t, a, netip.Addr{}).WriteToUDPAddrPort(nil, netip.AddrPortFrom(dst, port(server)))
			try(t, err)
			_, _, err = server.ReadFromUDPAddrPort(make([]byte, 10))
			try(t, err)
		}
		b, c := sentBy(t, a, a.Ends()[0].Ifname)-toB, sentBy(t, a, a.Ends()[1].Ifname)-toC
		if b+c < 64 || b < 10 || c < 10 {
			t.Errorf("to %v: %d by b, %d by c", dst, b, c)
		}
	}
	wrong := netlab.Route{Dst: netip.MustParsePrefix("192.0.2.0/24"), Others: []netip.Addr{c.Addr4()}}
	if err := a.AddRoute(wrong); !errors.Is(err, unix.EINVAL) {
		t.Errorf("another next hop without a first: %v", err)
	}
}

// sentBy is how many packets an interface has sent.
func sentBy(t *testing.T, h *netlab.Host, ifname string) (packets int) {
	t.Helper()
	try(t, h.Do(func() error {
		table, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		_, after, _ := strings.Cut(string(table), ifname+":")
		columns := strings.Fields(after)
		packets, err = strconv.Atoi(columns[9])
		return err
	}))
	return packets
}

func TestAddressesAndNeighbours(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, p := range []string{"198.51.100.7/32", "2001:db8::7/128"} {
		extra := netip.MustParsePrefix(p)
		try(t, b.AddAddr("lo", extra))
		via := b.Addr4()
		if extra.Addr().Is6() {
			via = b.Addr6()
		}
		try(t, a.AddRoute(netlab.Route{Dst: extra, Via: via}))
		exchange(t, a, b, extra.Addr())
	}
	// Another host on the wire, which is only known by hand.
	ghost := netip.MustParseAddr("10.0.1.99")
	f := packetSocket(t, b)
	try(t, a.AddNeighbour(a.Ifname(), ghost, net.HardwareAddr{2, 0, 0, 0, 0, 99}))
	_, err := listenUDP(t, a, netip.Addr{}).WriteToUDPAddrPort(nil, netip.AddrPortFrom(ghost, 9))
	try(t, err)
	buf := make([]byte, 2000)
	n, err := f.Read(buf)
	try(t, err)
	if !bytes.HasPrefix(buf[:n], []byte{2, 0, 0, 0, 0, 99}) {
		t.Errorf("frame % x", buf[:n])
	}
	// Forgotten, it is asked for.
	try(t, a.DeleteNeighbour(a.Ifname(), ghost))
	_, err = listenUDP(t, a, netip.Addr{}).WriteToUDPAddrPort(nil, netip.AddrPortFrom(ghost, 9))
	try(t, err)
	n, err = f.Read(buf)
	try(t, err)
	if n < 14 || binary.BigEndian.Uint16(buf[12:]) != unix.ETH_P_ARP {
		t.Errorf("frame % x is not ARP", buf[:n])
	}
}

func TestLinkDown(t *testing.T) {
	_, a, b := netlab.Two(t)
	try(t, b.SetUp(b.Ifname(), false))
	var ifc *net.Interface
	try(t, a.Do(func() (err error) { ifc, err = net.InterfaceByName(a.Ifname()); return err }))
	if ifc.Flags&net.FlagUp == 0 || ifc.Flags&net.FlagRunning != 0 {
		t.Errorf("the other end down, flags are %v", ifc.Flags)
	}
	try(t, b.SetUp(b.Ifname(), true))
	exchange(t, a, b, b.Addr4())
}

func TestLimitRate(t *testing.T) {
	_, a, b := netlab.Two(t)
	server, client := listenUDP(t, b, netip.Addr{}), listenUDP(t, a, netip.Addr{})
	// 800 bytes a second: what is in the bucket goes, what fits the queue waits, the rest is dropped.
	try(t, a.LimitRate(a.Ifname(), 6400, 3000, 3000))
	for i := range 10 {
		_, err := client.WriteToUDPAddrPort(bytes.Repeat([]byte{byte(i)}, 900), netip.AddrPortFrom(b.Addr4(), port(server)))
		try(t, err)
	}
	buf := make([]byte, 2000)
	for i := range 3 {
		if n, _, err := server.ReadFromUDPAddrPort(buf); err != nil || n != 900 || buf[0] != byte(i) {
			t.Errorf("datagram %d: %d bytes of %d, %v", i, n, buf[0], err)
		}
	}
	// Without the limit the queue is gone, and a new datagram is next, but for what a slow run let out before.
	try(t, a.LimitRate(a.Ifname(), 0, 0, 0))
	_, err := client.WriteToUDPAddrPort([]byte("next"), netip.AddrPortFrom(b.Addr4(), port(server)))
	try(t, err)
	for i := 3; ; i++ {
		n, _, err := server.ReadFromUDPAddrPort(buf)
		try(t, err)
		if string(buf[:n]) == "next" {
			break
		}
		if i == 6 {
			t.Error("more came than bucket and queue hold")
		}
	}
	if err := a.LimitRate(a.Ifname(), 1, 1, 1); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a rate of one bit a second: %v", err)
	}
}

func TestDropUDP(t *testing.T) {
	_, a, b := netlab.Two(t)
	dropped, taken, client := listenUDP(t, b, netip.Addr{}), listenUDP(t, b, netip.Addr{}), listenUDP(t, a, netip.Addr{})
	err := b.DropUDP(port(dropped))
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOENT) {
		t.Skipf("%v", err)
	}
	try(t, err)
	for _, to := range []uint16{port(dropped), port(taken)} {
		for _, addr := range []netip.Addr{b.Addr4(), b.Addr6()} {
			_, err := client.WriteToUDPAddrPort([]byte("x"), netip.AddrPortFrom(addr, to))
			try(t, err)
		}
	}
	buf := make([]byte, 10)
	for range 2 { // behind those that are dropped
		_, _, err := taken.ReadFromUDPAddrPort(buf)
		try(t, err)
	}
	try(t, dropped.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	if _, _, err := dropped.ReadFromUDPAddrPort(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a datagram passed the filter: %v", err)
	}
}

// sum adds up 16-bit words as RFC 1071 says; over a packet with a right checksum it is 0xffff.
func sum(parts ...[]byte) uint16 {
	var s uint32
	for _, b := range parts {
		for ; len(b) > 1; b = b[2:] {
			s += uint32(binary.BigEndian.Uint16(b))
		}
		if len(b) == 1 {
			s += uint32(b[0]) << 8
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestOffload(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, on := range []bool{true, false, true} {
		try(t, a.SetOffload(a.Ifname(), "tx-checksum", on))
		f := packetSocket(t, b)
		exchange(t, a, b, b.Addr4())
		frame := make([]byte, 2000)
		n, err := f.Read(frame)
		try(t, err)
		ip := frame[14:n]
		udp := ip[20:]
		right := sum(ip[12:20], []byte{0, 17}, udp[4:6], udp) == 0xffff
		if right == on {
			t.Errorf("tx-checksum %v: the checksum on the wire is right: %v", on, right)
		}
		f.Close()
	}
	for _, name := range []string{"tso", "gso", "gro", "tx-udp-segmentation", "rx-checksum"} {
		for _, on := range []bool{false, true} {
			if err := a.SetOffload(a.Ifname(), name, on); err != nil {
				t.Error(err)
			}
		}
	}
	if err := a.SetOffload(a.Ifname(), "warp-drive", true); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("no such offload: %v", err)
	}
	// The library that reads this back is the kernel's own, where it is installed.
	if _, err := exec.LookPath("ethtool"); err == nil {
		try(t, a.SetOffload(a.Ifname(), "tx-udp-segmentation", false))
		out, err := a.Command(context.Background(), "ethtool", "-k", a.Ifname()).Output()
		try(t, err)
		if !strings.Contains(string(out), "tx-udp-segmentation: off") || !strings.Contains(string(out), "tcp-segmentation-offload: on") {
			t.Errorf("ethtool -k:\n%s", out)
		}
	}
}

func TestLabsInParallel(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			_, a, b := netlab.Two(t)
			exchange(t, a, b, b.Addr4())
			exchange(t, b, a, a.Addr6())
		})
	}
}

func BenchmarkLab(b *testing.B) {
	netlab.Need(b)
	for b.Loop() {
		lab, err := netlab.New(nil)
		try(b, err)
		one, err := lab.Host("a")
		try(b, err)
		two, err := lab.Host("b")
		try(b, err)
		_, err = lab.Link(one, two, netlab.LinkConfig{})
		try(b, err)
		try(b, lab.Close())
	}
}

func BenchmarkDo(b *testing.B) {
	_, a, _ := netlab.Two(b)
	b.ReportAllocs()
	for b.Loop() {
		try(b, a.Do(func() error { return nil }))
	}
}
