package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/raw/inject"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// TestAlikeProbesAreAnsweredInOrder: an answer is that of a probe that has left, the first of those that nothing tells
// apart, and that is said.
func TestAlikeProbesAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	for _, spec := range []string{
		fmt.Sprintf("ip{dst=%s} / tcp{dport=81, flags=S}", b.Addr4()), fmt.Sprintf("ip6{dst=%s} / udp{dport=9}", b.Addr6()),
		"ip{dst=127.0.0.1} / tcp{dport=81, flags=S}", "ip6{dst=::1} / udp{dport=9}",
	} {
		for _, args := range [][]string{{"--rate", "4"}, {"--rate", "4", "--burst", "3"}, {"--rate", "4", "--engine", "xdp"}} {
			if strings.Contains(spec, "1}") && len(args) > 3 && args[2] == "--engine" {
				continue // the loopback device has a queue for nobody
			}
			r := on(t, a, append(append([]string{"--json", "-c", "3", "--wait", "900ms"}, args...), spec)...)
			answers := records[answerRecord](t, r, "answer")
			if len(answers) != 3 {
				t.Errorf("%q %s: %s%s", args, spec, r.stdout, r.stderr)
				continue
			}
			for i, answer := range answers {
				if answer.Number != uint64(i+1) || answer.RTT == nil || *answer.RTT <= 0 || *answer.RTT > int64(200*time.Millisecond) {
					t.Errorf("%q %s: answer %d is that of #%d after %v ns", args, spec, i+1, answer.Number, *answer.RTT)
				}
				if i > 0 && !answer.Alike {
					t.Errorf("%q %s: answer %d does not say that it could be another's", args, spec, i+1)
				}
			}
		}
	}
	r := on(t, a, "-c", "2", "--rate", "10", fmt.Sprintf("ip{dst=%s} / tcp{dport=81}", b.Addr4()))
	if !strings.Contains(r.stdout, "#2 (in order)  ") || !strings.Contains(r.stdout, "1 of the answers could be to another packet") {
		t.Error(r.stdout)
	}
}

// TestChecksumsLeftToTheDevice: what was captured before a device wrote the checksum is sent with it, which is said;
// what was merely wrong stays wrong.
func TestChecksumsLeftToTheDevice(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	file := filepath.Join(t.TempDir(), "file.pcapng")
	w, err := capture.Create(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Describe([]capture.Interface{{Name: "x", Link: capture.LinkEthernet}}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f, err := packet.Append(nil, &packet.Ethernet{Dst: b.Ends()[0].MAC, Src: a.Ends()[0].MAC}, &packet.IPv4{Src: a.Addr4(), Dst: b.Addr4(), ID: 7},
			&packet.UDP{SrcPort: 1, DstPort: uint16(9 + i)}, packet.Payload("hello"))
		if err != nil {
			t.Fatal(err)
		}
		sum := [3]uint16{wire.PseudoHeader(a.Addr4(), b.Addr4(), wire.ProtoUDP, 13).Fold(), 0x1234, 0x1234}[i]
		binary.BigEndian.PutUint16(f[40:], sum)
		frame := capture.Frame{Data: f, Length: len(f), Link: capture.LinkEthernet, Time: time.Unix(1000, int64(i)), Offload: capture.Offload{ChecksumPending: i == 1}}
		if err := w.Write(&frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	live := listenOn(t, b)
	for _, args := range [][]string{{"-I", a.Ifname()}, {"--engine", "raw"}, {"-I", a.Ifname(), "--edit", "ip{ttl=9}"}} {
		r := on(t, a, append([]string{"-r", file}, args...)...)
		if r.code != 0 || !strings.Contains(r.stderr, "2 packets captured without checksums") {
			t.Errorf("%q: exit %d: %s", args, r.code, r.stderr)
		}
		got, _ := arrived(t, live, a)
		if len(got) != 3 {
			t.Fatalf("%q: %d packets arrived", args, len(got))
		}
		for i, f := range got {
			good := wire.PseudoHeader(a.Addr4(), b.Addr4(), wire.ProtoUDP, 13).Add(f[34:47]).Good()
			if good != (i < 2) {
				t.Errorf("%q: packet %d: its checksum is right: %t", args, i+1, good)
			}
		}
	}
}

// TestWhatDoesNotFitIsNamed: packets larger than the MTU are left out, named and counted, the first of all too.
func TestWhatDoesNotFitIsNamed(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	live := listenOn(t, b)
	spec := fmt.Sprintf("eth{dst=%s, src=%s} / ip{src=%s, dst=%s, id=1} / udp{sport=1, dport=9} / zero{", packet.MAC(b.Ends()[0].MAC), packet.MAC(a.Ends()[0].MAC), a.Addr4(), b.Addr4())
	for _, sizes := range [][]int{{1473, 10, 2000, 1472}, {10, 1473, 1472, 3000}, {10, 20, 5000}} {
		var specs []string
		var large []string
		for i, n := range sizes {
			specs = append(specs, fmt.Sprint(spec, n, "}"))
			if n > 1472 {
				large = append(large, fmt.Sprintf("packet %d of %d bytes is larger than the MTU of 1500", i+1, n+28))
			}
		}
		file := filepath.Join(t.TempDir(), "file.pcapng")
		writeSpecs(t, file, specs)
		for _, args := range [][]string{{"-I", a.Ifname()}, {"-I", a.Ifname(), "--flood"}, {"--engine", "raw"}, {"-I", a.Ifname(), "--engine", "packet", "--rate", "1000"}} {
			r := on(t, a, append([]string{"-r", file}, args...)...)
			if r.code != 0 || !strings.Contains(r.stdout, fmt.Sprintf("%d refused by the kernel and left out", len(large))) {
				t.Errorf("%v %q: exit %d\n%s%s", sizes, args, r.code, r.stdout, r.stderr)
			}
			for _, want := range large {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("%v %q: no %q in\n%s", sizes, args, want, r.stderr)
				}
			}
			if got, _ := arrived(t, live, a); len(got) != len(sizes)-len(large) {
				t.Errorf("%v %q: %d packets arrived, want %d", sizes, args, len(got), len(sizes)-len(large))
			}
			r = on(t, a, append([]string{"--json", "-r", file}, args...)...)
			if list := records[refusedRecord](t, r, "refused"); len(list) != len(large) || list[0].MTU != 1500 || list[0].Size <= 1500 {
				t.Errorf("%v %q: %+v", sizes, args, list)
			}
			arrived(t, live, a)
		}
	}
	// Where nothing fits nothing is sent, which is an error.
	file := filepath.Join(t.TempDir(), "file.pcapng")
	writeSpecs(t, file, []string{spec + "2000}", spec + "3000}"})
	if r := on(t, a, "-I", a.Ifname(), "-r", file); r.code != 2 || !strings.Contains(r.stderr, "packet 1 of 2028 bytes is larger than the MTU of 1500") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

// TestFloodWithoutOffload: where a device does not cut trains or write checksums, another engine is chosen, and one
// that stops working while packets are sent is given up with a word.
func TestFloodWithoutOffload(t *testing.T) {
	t.Parallel()
	needXDP(t)
	for _, features := range [][]string{{"tx-udp-segmentation"}, {"tx-checksum"}, {"tx-checksum", "tx-udp-segmentation"}} {
		_, a, b := netlab.Two(t)
		for _, name := range features {
			if err := a.SetOffload(a.Ifname(), name, false); err != nil {
				t.Fatal(err)
			}
		}
		live := listenOn(t, b)
		spec := fmt.Sprintf("ip{dst=%s} / udp{dport=9} / zero{18}", b.Addr4())
		r := on(t, a, "--flood", "-c", "300", spec)
		if r.code != 0 || !strings.Contains(r.stdout, "300 sent") || !strings.Contains(r.stderr, "not by segment-offload trains") {
			t.Errorf("%q: exit %d\n%s%s", features, r.code, r.stdout, r.stderr)
		}
		if got, _ := arrived(t, live, a); len(got) != 300 {
			t.Errorf("%q: %d packets arrived", features, len(got))
		}
		// Asked for by name, trains still work: the kernel cuts them.
		r = on(t, a, "--flood", "--engine", "trains", "-c", "300", spec)
		if r.code != 0 || !strings.Contains(r.stdout, "300 sent") {
			t.Errorf("%q: exit %d\n%s%s", features, r.code, r.stdout, r.stderr)
		}
		arrived(t, live, a)
	}
}

// TestOffloadSwitchedOffDuringAFlood: the engine in use is given up for the next, which is said, and the run goes on.
func TestOffloadSwitchedOffDuringAFlood(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	live := listenOn(t, b)
	finished := make(chan result)
	go func() {
		finished <- on(t, a, "--flood", "--duration", "1500ms", fmt.Sprintf("ip{dst=%s} / udp{dport=9} / zero{18}", b.Addr4()))
	}()
	nextFrom(t, live, a) // it sends
	live.Close()
	for _, name := range []string{"tx-udp-segmentation", "tx-checksum"} {
		if err := a.SetOffload(a.Ifname(), name, false); err != nil {
			t.Fatal(err)
		}
	}
	r := <-finished
	if r.code != 0 || !strings.Contains(r.stderr, "engine: segment-offload trains") || !strings.Contains(r.stderr, "given up: ") || !strings.Contains(r.stderr, "going on by packet socket") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestWhatNothingAnswersIsNotWaitedFor: no second is lost, and the exit status is 0, where nothing can answer; told to
// wait, it waits.
func TestWhatNothingAnswersIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	for _, test := range []struct {
		why  string
		args []string
	}{
		{"router advertisement", []string{"-I", a.Ifname(), "--allow", "multicast", "ip6{dst=ff02::1} / icmp6{type=ra}"}},
		{"neighbour advertisement", []string{fmt.Sprintf("ip6{dst=%s} / icmp6{type=na, target=%s}", b.Addr6(), a.Addr6())}},
		{"not an address of this host", []string{fmt.Sprintf("ip{src=203.0.113.7, dst=%s} / icmp", b.Addr4())}},
		{"not an address of this host", []string{fmt.Sprintf("ip{src=203.0.113.7, dst=%s} / udp{dport=1..3}", b.Addr4())}},
		{"not an address of this host", []string{fmt.Sprintf("ip6{src=2001:db8:7::7, dst=%s} / tcp{dport=9}", b.Addr6())}},
		{"gratuitous", []string{"-I", a.Ifname(), fmt.Sprintf("arp{spa=%[1]s, tpa=%[1]s}", a.Addr4())}},
		{"ARP reply", []string{"-I", a.Ifname(), fmt.Sprintf("arp{op=reply, spa=%s, tpa=%s}", a.Addr4(), b.Addr4())}},
		{"ICMP error", []string{fmt.Sprintf("ip{dst=%s} / icmp{type=unreachable, code=1} / ip{src=%s, dst=192.0.2.1} / udp", b.Addr4(), b.Addr4())}},
		{"group members", []string{"--allow", "multicast", "-I", a.Ifname(), "ip{dst=224.0.0.22} / igmp{type=0x22}"}},
		{"no answer can be told", []string{"-I", a.Ifname(), fmt.Sprintf("eth{dst=%s, type=0x88b5} / hex{00}", packet.MAC(b.Ends()[0].MAC))}},
	} {
		r := on(t, a, test.args...)
		if r.code != 0 || !strings.Contains(r.stderr, "no answers are waited for: ") || !strings.Contains(r.stderr, test.why) || strings.Contains(r.stdout, "answer") {
			t.Errorf("%q: exit %d\n%s%s", test.args, r.code, r.stdout, r.stderr)
		}
		if r := on(t, a, append([]string{"--wait", "10ms"}, test.args...)...); r.code != 1 || strings.Contains(r.stderr, "no answers are waited for") {
			t.Errorf("%q, told to wait: exit %d\n%s%s", test.args, r.code, r.stdout, r.stderr)
		}
	}
	// One that can be answered is enough.
	r := on(t, a, "--wait", "1s", fmt.Sprintf("ip{src=203.0.113.7,%s, dst=%s} / icmp", a.Addr4(), b.Addr4()))
	if r.code != 0 || !strings.Contains(r.stdout, "echo reply") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestShownPacketsKeepTheTimetable: what is written has the times of what would be sent.
func TestShownPacketsKeepTheTimetable(t *testing.T) {
	gaps := func(args ...string) []time.Duration {
		t.Helper()
		file := filepath.Join(t.TempDir(), "file.pcapng")
		if r := local(append([]string{"--seed", "7", "-w", file}, args...)...); r.code != 0 {
			t.Fatalf("%q: exit %d: %s", args, r.code, r.stderr)
		}
		r, err := capture.OpenFile(file)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var list []time.Duration
		var last time.Time
		for f, err := range r.Frames(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if !last.IsZero() {
				list = append(list, f.Time.Sub(last).Round(time.Microsecond))
			}
			last = f.Time
		}
		return list
	}
	const ms = time.Millisecond
	spec := "ip{src=192.0.2.1, dst=198.51.100.2} / udp{dport=9}"
	if got, want := gaps("-c", "6", "--rate", "100", "--burst", "2", spec), []time.Duration{0, 20 * ms, 0, 20 * ms, 0}; !slices.Equal(got, want) {
		t.Errorf("bursts: %v, want %v", got, want)
	}
	poisson := gaps("-c", "200", "--rate", "100", "--poisson", spec)
	different := map[time.Duration]bool{}
	sum := time.Duration(0)
	for _, d := range poisson {
		different[d] = true
		sum += d
	}
	if mean := sum / time.Duration(len(poisson)); len(different) < 150 || mean < 7*ms || mean > 13*ms {
		t.Errorf("Poisson: %d different gaps of %v on average", len(different), mean)
	}
	if !slices.Equal(poisson, gaps("-c", "200", "--rate", "100", "--poisson", spec)) {
		t.Error("the same seed has another timetable")
	}
	// Of recorded packets: their own times, or the timetable that is asked for.
	file := filepath.Join(t.TempDir(), "recorded.pcapng")
	if r := local("-w", file, "-c", "4", "--rate", "10", spec); r.code != 0 {
		t.Fatal(r.stderr)
	}
	if got, want := gaps("-r", file), []time.Duration{100 * ms, 100 * ms, 100 * ms}; !slices.Equal(got, want) {
		t.Errorf("recorded: %v, want %v", got, want)
	}
	if got, want := gaps("-r", file, "--speed", "2"), []time.Duration{50 * ms, 50 * ms, 50 * ms}; !slices.Equal(got, want) {
		t.Errorf("twice as fast: %v, want %v", got, want)
	}
	if got, want := gaps("-r", file, "--rate", "1000", "--burst", "2"), []time.Duration{0, 2 * ms, 0}; !slices.Equal(got, want) {
		t.Errorf("at a rate: %v, want %v", got, want)
	}
}

// TestAnswersToTunnelledProbes: what is asked through a tunnel is answered by where the inner packet went.
func TestAnswersToTunnelledProbes(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	live := listenOn(t, b)
	var engine inject.Engine
	if err := b.Do(func() (err error) { engine, err = inject.OpenRaw(nil); return err }); err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	inner := netip.MustParseAddr("198.51.100.9")
	go func() { // the far end of any tunnel, and the host behind it: it answers echo requests outside of the tunnel
		var f capture.Frame
		for live.Next(&f) == nil {
			h, ok := inject.ParseHeader(f.Data[inject.NetworkPart(f.Data):])
			if !ok {
				continue
			}
			if h, ok = h.Carried(); !ok || h.Dst != inner || h.Type != wire.ICMPv4Echo {
				continue
			}
			answer, err := packet.Append(nil, &packet.IPv4{ID: 1, Src: inner, Dst: h.Src},
				&packet.ICMPv4{Type: wire.ICMPv4EchoReply, ID: uint16(h.Word >> 16), Seq: uint16(h.Word)})
			if err != nil {
				t.Error(err)
			}
			engine.Send([][]byte{answer})
		}
	}()
	// The end of the tunnel is an address that is not this kernel's, which would say that it has no tunnel.
	end4, end6 := netip.MustParseAddr("198.51.100.77"), netip.MustParseAddr("2001:db8:77::1")
	for _, end := range []netip.Addr{end4, end6} {
		if err := a.AddRoute(netlab.Route{Dst: netip.PrefixFrom(end, end.BitLen()), Ifname: a.Ifname()}); err != nil {
			t.Fatal(err)
		}
		if err := b.AddRoute(netlab.Route{Dst: netip.PrefixFrom(end, end.BitLen()), Kind: netlab.Blackhole}); err != nil {
			t.Fatal(err)
		}
		if err := a.AddNeighbour(a.Ifname(), end, b.MAC()); err != nil {
			t.Fatal(err)
		}
	}
	for _, tunnel := range []string{
		fmt.Sprintf("ip{dst=%s} / ", end4), fmt.Sprintf("ip{dst=%s} / gre{key=7} / ", end4), fmt.Sprintf("ip6{dst=%s} / ", end6),
		fmt.Sprintf("ip{dst=%s} / udp / vxlan{vni=7} / eth{dst=02:00:00:00:00:02, src=02:00:00:00:00:01} / ", end4),
	} {
		r := on(t, a, "--wait", "1s", tunnel+fmt.Sprintf("ip{src=%s, dst=%s} / icmp{seq=1..3}", a.Addr4(), inner))
		if r.code != 0 || strings.Count(r.stdout, "echo reply") != 3 || !strings.Contains(r.stdout, "3 replies, 0 ICMP errors, 0 without an answer") {
			t.Errorf("%s: exit %d\n%s%s", tunnel, r.code, r.stdout, r.stderr)
		}
	}
}

// TestAnswersToSourceRoutedProbes: the end of a source route answers, and not its first hop.
func TestAnswersToSourceRoutedProbes(t *testing.T) {
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
	for _, h := range []*netlab.Host{a, r, b} {
		for _, name := range []string{"all", h.Ends()[0].Ifname} {
			if err := h.Sysctl("net.ipv4.conf."+name+".accept_source_route", "1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, rest := range []string{"icmp", "tcp{dport=9}"} {
		got := on(t, a, "--wait", "1s", fmt.Sprintf("ip{dst=%s, options=[lsrr{ptr=4, addrs=[%s]}]} / %s", r.Ends()[0].Addr4, b.Addr4(), rest))
		if got.code != 0 || !strings.Contains(got.stdout, "1 reply") {
			t.Errorf("%s: exit %d\n%s%s", rest, got.code, got.stdout, got.stderr)
		}
	}
}

// TestRecordedPacketsChooseAsCraftedDo: one choice of the engine for both: recorded IP packets that a raw socket's
// kernel would change go out through a packet socket, as they are, behind Ethernet headers that are looked up.
func TestRecordedPacketsChooseAsCraftedDo(t *testing.T) {
	t.Parallel()
	needXDP(t)
	_, a, b := netlab.Two(t)
	live := listenOn(t, b)
	build := func(id uint16, chksum bool) []byte {
		ip := &packet.IPv4{ID: id, Src: a.Addr4(), Dst: b.Addr4()}
		if chksum {
			ip.Checksum = packet.U16(0xbad)
		}
		p, err := packet.Append(nil, ip, &packet.UDP{SrcPort: 1, DstPort: 9}, packet.Payload("hello"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	v6, err := packet.Append(nil, &packet.IPv6{Src: a.Addr6(), Dst: b.Addr6()}, &packet.UDP{SrcPort: 1, DstPort: 9}, packet.Payload("hello"))
	if err != nil {
		t.Fatal(err)
	}
	local, err := packet.Append(nil, &packet.IPv4{ID: 3, Src: netip.MustParseAddr("127.0.0.1"), Dst: netip.MustParseAddr("127.0.0.1")}, &packet.UDP{SrcPort: 1, DstPort: 9})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		packets [][]byte
		args    []string
		want    string
		code    int
	}{
		{[][]byte{build(1, false), v6}, nil, "engine: raw socket", 0},
		{[][]byte{build(1, false), build(0, false), v6}, nil, "engine: packet socket on eth0, batches of 256: a raw socket's kernel replaces an id of 0", 0},
		{[][]byte{build(1, true)}, nil, "a raw socket's kernel writes the header checksum", 0},
		{[][]byte{build(1, false), build(1, true)}, []string{"--engine", "raw"}, "packet 2: a raw socket's kernel writes the header checksum", 2},
		{[][]byte{build(1, false), v6}, []string{"--engine", "packet"}, "engine: packet socket", 0},
		{[][]byte{build(1, false), v6}, []string{"--flood"}, "engine: AF_XDP", 0},
		{[][]byte{build(1, false), local}, []string{"--flood"}, "engine: raw socket", 0}, // one leaves through another device
		{[][]byte{build(0, false), local}, nil, "packet 2: 127.0.0.1 is reached through lo, not eth0", 2},
	} {
		file := filepath.Join(t.TempDir(), "file.pcap")
		writeRaw(t, file, test.packets...)
		r := on(t, a, append([]string{"-r", file}, test.args...)...)
		if r.code != test.code || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", test.args, r.code, test.code, test.want, r.stdout, r.stderr)
		}
		got, _ := arrived(t, live, a)
		test.packets = slices.DeleteFunc(test.packets, func(p []byte) bool { return test.code != 0 || string(p) == string(local) })
		if len(got) != len(test.packets) {
			t.Errorf("%q: %d packets arrived, want %d", test.args, len(got), len(test.packets))
			continue
		}
		for i, f := range got {
			if string(f[:6]) != string(b.MAC()) || string(f[14:14+len(test.packets[i])]) != string(test.packets[i]) {
				t.Errorf("%q: packet %d is %x, want %x", test.args, i+1, f, test.packets[i])
			}
		}
	}
}
