package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/netlab"
)

// onlyNetRaw starts this binary anew as the command with cap_net_raw and no other capability, as an installation with
// "setcap cap_net_raw+ep" has it.
func onlyNetRaw() {
	fail := func(what string, err any) {
		fmt.Fprintln(os.Stderr, what, err)
		os.Exit(99)
	}
	if os.Getenv("RAWSEND_ONLY") == "checked" {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil || !bytes.Contains(status, []byte("CapEff:\t0000000000002000\n")) {
			fail("the capabilities are not cap_net_raw alone", string(status))
		}
		main()
		os.Exit(98)
	}
	runtime.LockOSThread() // the bounding set is a thread's
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		if c != unix.CAP_NET_RAW {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EINVAL {
				fail("drop", err)
			}
		}
	}
	os.Setenv("RAWSEND_ONLY", "checked")
	fail("exec", syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// peer runs another tool on a lab host.
func peer(t *testing.T, h *netlab.Host, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatalf("REQUIRE_PEERS is set and there is no %s", name)
		}
		t.Skipf("no %s", name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := h.Command(ctx, name, args...).CombinedOutput()
	if err != nil && name != "hping3" { // which fails when there is no answer
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestNetRawIsEnough(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{
		fmt.Sprintf("ip{dst=%s} / icmp", b.Addr4()), fmt.Sprintf("ip6{dst=%s} / icmp6", b.Addr6()), fmt.Sprintf("arp{tpa=%s}", b.Addr4()),
		fmt.Sprintf("eth / ip{dst=%s} / tcp{dport=9}", b.Addr4()),
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		cmd := a.Command(ctx, self, "--json", spec)
		cmd.Env = append(cmd.Environ(), "RAWSEND_ONLY=drop")
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil || !strings.Contains(string(out), `"outcome":"reply"`) {
			t.Errorf("%s: %v\n%s", spec, err, out)
		}
	}
}

// scanned is the host that scans look at: TCP and UDP ports 8000 open, 8001 closed, 8002 filtered.
func scanned(t *testing.T, b *netlab.Host) {
	t.Helper()
	rules := "table inet filter {\n chain in {\n type filter hook input priority 0;\n tcp dport 8002 drop\n udp dport 8002 drop\n }\n}\n"
	file := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	peer(t, b, "nft", "-f", file)
	if err := b.Sysctl("net.ipv4.icmp_ratelimit", "0"); err != nil {
		t.Fatal(err)
	}
	var listener net.Listener
	var conn net.PacketConn
	if err := b.Do(func() (err error) {
		if listener, err = netListen(b.Addr4()); err != nil {
			return err
		}
		conn, err = net.ListenPacket("udp4", netip.AddrPortFrom(b.Addr4(), 8000).String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); conn.Close() })
	go func() {
		buf := make([]byte, 100)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			conn.WriteTo(append([]byte("answer"), buf[:n]...), from)
		}
	}()
}

// TestScansAgainstNmap: the scans of the README find ports open, closed and filtered as nmap and hping3 do.
func TestScansAgainstNmap(t *testing.T) {
	if testing.Short() {
		t.Skip("nmap waits long for what is filtered")
	}
	t.Parallel()
	_, a, b := netlab.Two(t)
	scanned(t, b)
	states := func(kind, spec string) []string {
		r := on(t, a, "--json", "--wait", "1s", spec)
		found := map[uint64]string{}
		for _, answer := range records[answerRecord](t, r, "answer") {
			found[answer.Number] = string(answer.Verdict)
			if answer.Probe == nil || answer.Probe.Protocol != kind || answer.Probe.DstPort != 7999+uint16(answer.Number) || answer.Probe.Dst != b.Addr4() {
				t.Errorf("%s: the probe of an answer to #%d is %+v", spec, answer.Number, answer.Probe)
			}
		}
		for _, silent := range records[unansweredRecord](t, r, "unanswered") {
			found[silent.Number] = string(silent.Verdict)
		}
		if sums := records[summary](t, r, "summary"); len(sums) != 1 || sums[0].Verdicts["open"] != 1 || sums[0].Verdicts["closed"] != 1 {
			t.Errorf("%s: %+v", spec, sums)
		}
		return []string{found[1], found[2], found[3]}
	}
	nmap := func(kind string, args ...string) []string {
		out := peer(t, a, "nmap", append(args, "-n", "-Pn", "--max-retries", "1", "-p", "8000-8002", b.Addr4().String())...)
		var list []string
		for _, m := range regexp.MustCompile(`(?m)^800[0-2]/`+kind+` +(\S+)`).FindAllStringSubmatch(out, -1) {
			list = append(list, m[1])
		}
		return list
	}
	for _, test := range []struct{ kind, flag, spec string }{
		{"tcp", "-sS", fmt.Sprintf("ip{dst=%s} / tcp{dport=8000..8002, flags=S}", b.Addr4())},
		{"udp", "-sU", fmt.Sprintf("ip{dst=%s} / udp{dport=8000..8002} / text{x}", b.Addr4())},
	} {
		ours, theirs := states(test.kind, test.spec), nmap(test.kind, test.flag)
		if !slices.Equal(ours, theirs) || len(ours) != 3 || ours[0] != "open" || ours[1] != "closed" {
			t.Errorf("%s: %q, nmap has %q", test.kind, ours, theirs)
		}
	}
	for port, want := range map[string]string{"8000": "flags=SA", "8001": "flags=RA", "8002": ""} {
		out := peer(t, a, "hping3", "-S", "-c", "1", "-p", port, b.Addr4().String())
		if want == "" && strings.Contains(out, "flags=") || !strings.Contains(out, want) {
			t.Errorf("hping3, port %s: %s", port, out)
		}
	}
	// Who is there: by ICMP and by ARP, as nmap says.
	network := netip.PrefixFrom(b.Addr4(), 29).Masked().String()
	up := map[string]bool{}
	for _, m := range regexp.MustCompile(`report for (\S+)`).FindAllStringSubmatch(peer(t, a, "nmap", "-sn", "-n", network), -1) {
		if m[1] != a.Addr4().String() {
			up[m[1]] = true
		}
	}
	for _, spec := range []string{"ip{dst=" + network + "} / icmp", "arp{tpa=" + network + "}"} {
		r := on(t, a, "--json", "--wait", "1s", "--allow", "subnet", "-I", a.Ends()[0].Ifname, spec)
		found := map[string]bool{}
		for _, answer := range records[answerRecord](t, r, "answer") {
			if answer.From != a.Addr4() {
				found[answer.From.String()] = true
			}
		}
		if len(up) == 0 || fmt.Sprint(found) != fmt.Sprint(up) {
			t.Errorf("%s found %v, nmap %v\n%s%s", spec, found, up, r.stdout, r.stderr)
		}
	}
}

// TestQuoteThroughARouterThatRewrites: addresses, ports, TOS and id that a router changed show as differences.
func TestQuoteThroughARouterThatRewrites(t *testing.T) {
	t.Parallel()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	a, _ := lab.Host("a")
	r, _ := lab.Router("r")
	b, err := lab.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]*netlab.Host{{a, r}, {r, b}} {
		if _, err := lab.Link(pair[0], pair[1], netlab.LinkConfig{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("203.0.113.0/24"), Via: r.Ends()[0].Addr4}); err != nil {
		t.Fatal(err)
	}
	rules := fmt.Sprintf(`table ip rewrite {
 chain pre {
  type filter hook prerouting priority -300;
  udp dport 5001 ip daddr set %[1]s
  udp dport 5002 udp dport set 6002
  udp dport 5003 ip dscp set 9
  udp dport 5004 ip id set 0x1234
 }
 chain post {
  type nat hook postrouting priority 100;
  udp dport 5005 snat to %[2]s
 }
}
`, b.Addr4(), r.Ends()[1].Addr4)
	file := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	peer(t, r, "nft", "-f", file)
	if err := b.Sysctl("net.ipv4.icmp_ratelimit", "0"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		dst  string
		port int
		want string // the fields that differ
	}{
		{"203.0.113.9", 5001, "dst ttl chksum"}, {b.Addr4().String(), 5002, "dport ttl chksum"}, {b.Addr4().String(), 5003, "tos ttl chksum"},
		{b.Addr4().String(), 5004, "id ttl chksum"},
		{b.Addr4().String(), 5005, "ttl chksum"}, // the translator puts the address back in what is quoted
	} {
		got := on(t, a, "--json", "--wait", "2s", fmt.Sprintf("ip{dst=%s, id=77} / udp{dport=%d}", test.dst, test.port))
		answers := records[answerRecord](t, got, "answer")
		if len(answers) != 1 {
			t.Errorf("%d: %s%s", test.port, got.stdout, got.stderr)
			continue
		}
		var fields []string
		for _, c := range answers[0].Changes {
			fields = append(fields, c.Field)
		}
		want := strings.Fields(test.want)
		slices.Sort(fields)
		slices.Sort(want)
		if !slices.Equal(fields, want) {
			t.Errorf("%d: changes %v, want %v\n%s", test.port, fields, want, got.stdout)
		}
	}
}

// TestFragmentsArriveWhole: the receiving kernel puts fragments together that came in any order, and tshark those that
// overlap, which kernels refuse.
func TestFragmentsArriveWhole(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	want := bytes.Repeat([]byte{0, 1, 2, 3, 4, 5, 6}, 500)[:3001]
	for _, order := range []string{"forward", "reverse", "random"} {
		for _, ip := range []string{"ip{dst=" + b.Addr4().String() + "}", "ip6{dst=" + b.Addr6().String() + "}"} {
			addr := b.Addr4()
			if strings.HasPrefix(ip, "ip6") {
				addr = b.Addr6()
			}
			var conn net.PacketConn
			if err := b.Do(func() (err error) {
				conn, err = net.ListenPacket("udp", netip.AddrPortFrom(addr, 9000).String())
				return err
			}); err != nil {
				t.Fatal(err)
			}
			r := on(t, a, "--wait", "0", fmt.Sprintf("%s / frag{mtu=700, order=%s} / udp{dport=9000} / pattern{00010203040506, 3001}", ip, order))
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			buf := make([]byte, 10000)
			n, _, err := conn.ReadFrom(buf)
			if err != nil || !bytes.Equal(buf[:n], want) {
				t.Errorf("%s %s: %v, %d bytes\n%s", ip, order, err, n, r.stderr)
			}
			conn.Close()
		}
	}
	for _, ip := range []string{"ip{src=192.0.2.1, dst=192.0.2.2}", "ip6{src=2001:db8::1, dst=2001:db8::2}"} {
		file := filepath.Join(t.TempDir(), "fragments.pcap")
		if r := local("--seed", "5", "-w", file, ip+" / frag{mtu=700, order=random, overlap=16} / udp{dport=9000} / pattern{00010203040506, 3001}"); r.code != 0 {
			t.Fatal(r.stderr)
		}
		proto := strings.Replace(ip[:strings.IndexByte(ip, '{')], "ip6", "ipv6", 1)
		out := peer(t, a, "tshark", "-n", "-r", file, "-T", "json", "-e", proto+".reassembled.length", "-e", proto+".fragment.overlap", "-e", proto+".fragment.overlap.conflict", "-e", "udp.length")
		out = out[strings.IndexByte(out, '['):]
		if end := strings.LastIndexByte(out, ']'); end > 0 {
			out = out[:end+1]
		}
		var list []struct {
			Source struct{ Layers map[string][]string } `json:"_source"`
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		whole, overlaps := false, false
		for _, p := range list {
			whole = whole || slices.Contains(p.Source.Layers[proto+".reassembled.length"], "3009")
			overlaps = overlaps || len(p.Source.Layers[proto+".fragment.overlap"]) > 0
			for _, conflict := range p.Source.Layers[proto+".fragment.overlap.conflict"] {
				if conflict == "True" || conflict == "1" {
					t.Errorf("%s: the overlapping bytes differ", ip)
				}
			}
		}
		if !whole || !overlaps {
			t.Errorf("%s: whole %t, overlapping %t\n%s", ip, whole, overlaps, out)
		}
	}
}
