package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/raw/inject"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// listenOn captures what arrives at a host.
func listenOn(t *testing.T, h *netlab.Host) *capture.Live {
	t.Helper()
	var live *capture.Live
	if err := h.Do(func() (err error) {
		live, err = capture.Open(context.Background(), h.Ends()[0].Ifname, &capture.Config{Immediate: true, Direction: capture.DirectionIn})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { live.Close() })
	return live
}

// arrived returns what has arrived from a host by now, with its times.
func arrived(t *testing.T, live *capture.Live, a *netlab.Host) (list [][]byte, times []time.Time) {
	t.Helper()
	mac := a.Ends()[0].MAC
	for {
		var f capture.Frame
		ok, err := live.TryNext(&f)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return list, times
		}
		if bytes.Equal(f.Data[6:12], mac[:]) {
			list, times = append(list, bytes.Clone(f.Data)), append(times, f.Time)
		}
	}
}

func TestEngineFollowsFromThePacket(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	live := listenOn(t, b)
	for _, test := range []struct {
		args []string
		want string // of what is said
		code int
	}{
		{[]string{"ip{dst=%s, id=5} / udp{dport=9}"}, "engine: raw socket", 0},
		{[]string{"ip{dst=%s, id=5, chksum=0xbad} / udp{dport=9}"}, "engine: packet socket on %d, batches of 256: a raw socket's kernel writes the header checksum", 0},
		{[]string{"ip{dst=%s, id=0} / udp{dport=9}"}, "a raw socket's kernel replaces an id of 0", 0},
		{[]string{"ip{dst=%s, id=5, len=20} / udp{dport=9}"}, "a raw socket's kernel writes the total length", 0},
		{[]string{"eth / ip{dst=%s, id=5} / udp{dport=9}"}, "engine: packet socket", 0},
		{[]string{"eth / vlan{id=9} / ip{dst=%s, id=5} / udp{dport=9}"}, "engine: packet socket", 0},
		{[]string{"--engine", "packet", "ip{dst=%s, id=5} / udp{dport=9}"}, "engine: packet socket", 0},
		{[]string{"--engine", "trains", "-c", "3", "--rate", "1000", "ip{dst=%s} / udp{dport=9} / text{x}"}, "engine: segment-offload trains", 0},
		{[]string{"--flood", "-c", "9", "ip{dst=%s} / udp{dport=9} / text{x}"}, "engine: segment-offload trains", 0},
		{[]string{"--flood", "-c", "9", "--wait", "1ms", "ip{dst=%s, id=5} / tcp{dport=9, flags=R}"}, "engine: packet socket", 1}, // nothing answers a reset,
		{[]string{"--engine", "packet", "--flood", "-c", "9", "ip{dst=%s, id=5} / udp{dport=9} / text{x}"}, "engine: packet socket", 0},
		{[]string{"--engine", "raw", "ip{dst=%s, chksum=0xbad} / udp{dport=9}"}, "a raw socket's kernel writes the header checksum", 2},
		{[]string{"--engine", "trains", "ip{dst=%s, id=5} / udp{dport=9} / text{x}"}, "counts up the id", 2},
		{[]string{"--engine", "trains", "-c", "3", "ip{dst=%s} / tcp{dport=9}"}, "only UDP", 2},
		{[]string{"ip{dst=%s} / udp{dport=9} / zero{2000}"}, "more than the MTU", 2},
	} {
		args := append([]string{"--wait", "0", "--seed", "1"}, test.args...)
		args[len(args)-1] = fmt.Sprintf(args[len(args)-1], b.Addr4())
		r := on(t, a, args...)
		want := strings.ReplaceAll(test.want, "%d", a.Ends()[0].Ifname)
		if !strings.Contains(r.stderr, want) || r.code != test.code {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", args, r.code, test.code, want, r.stdout, r.stderr)
		}
		got, _ := arrived(t, live, a)
		if test.code == 2 && len(got) != 0 {
			t.Errorf("%q: %d packets were sent", args, len(got))
		}
		if test.code != 2 && len(got) == 0 {
			t.Errorf("%q: nothing arrived", args)
		}
	}
}

func TestFloodsGoThroughXDP(t *testing.T) {
	t.Parallel()
	needXDP(t)
	_, a, b := netlab.Two(t)
	live := listenOn(t, b)
	dst := b.Addr4()
	for _, test := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"--flood", "-c", "9", fmt.Sprintf("ip{dst=%s, id=5} / udp{dport=9} / text{x}", dst)}, "engine: AF_XDP on " + a.Ends()[0].Ifname + ", batches of 256, past its queue\n", 0},
		{[]string{"--engine", "xdp", "-c", "9", "--rate", "1000", fmt.Sprintf("ip{dst=%s} / tcp{dport=1..9}", dst)}, "engine: AF_XDP", 0},
		{[]string{"--engine", "xdp", fmt.Sprintf("ip{dst=%s} / udp{dport=9} / zero{2000}", dst)}, "message too long", 2},
	} {
		r := on(t, a, append([]string{"--wait", "0"}, test.args...)...)
		if !strings.Contains(r.stderr, test.want) || r.code != test.code {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", test.args, r.code, test.code, test.want, r.stdout, r.stderr)
		}
		if got, _ := arrived(t, live, a); test.code == 0 && len(got) != 9 || test.code != 0 && len(got) > 0 {
			t.Errorf("%q: %d packets arrived", test.args, len(got))
		}
	}
	// Where another socket has the device, a packet socket does the same job, and that is said.
	var other inject.Engine
	if err := a.Do(func() (err error) {
		other, err = inject.OpenXDP(&inject.Config{Interface: a.Ends()[0].Ifname})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	r := on(t, a, "--flood", "-c", "9", fmt.Sprintf("ip{dst=%s, id=5} / udp{dport=9} / text{x}", dst))
	if !strings.Contains(r.stderr, "engine: packet socket") || !strings.Contains(r.stderr, "device or resource busy") || r.code != 0 {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if got, _ := arrived(t, live, a); len(got) != 9 {
		t.Errorf("%d packets arrived", len(got))
	}
}

func TestDefaultsAreOnePacketAndLowRates(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	live := listenOn(t, b)
	on(t, a, "--wait", "0", fmt.Sprintf("ip{dst=%s} / udp{dport=9}", b.Addr4()))
	if got, _ := arrived(t, live, a); len(got) != 1 {
		t.Errorf("%d packets, want 1", len(got))
	}
	on(t, a, "--wait", "0", "-c", "2", fmt.Sprintf("ip{dst=%s} / udp{dport=9}", b.Addr4()))
	if got, times := arrived(t, live, a); len(got) != 2 || times[1].Sub(times[0]) < 900*time.Millisecond {
		t.Errorf("%d packets, at %v: want 2, a second apart", len(got), times)
	}
	on(t, a, "--wait", "0", fmt.Sprintf("ip{dst=%s} / udp{dport=1..101}", b.Addr4()))
	if got, times := arrived(t, live, a); len(got) != 101 || times[100].Sub(times[0]) < 90*time.Millisecond {
		t.Errorf("%d packets in %v: want 101 in 100 ms", len(got), times[len(times)-1].Sub(times[0]))
	}
}

func TestBroadcastOfTheNetworkMustBeSaid(t *testing.T) {
	_, a, b := netlab.Two(t)
	live := listenOn(t, b)
	network, err := b.Addr4().Prefix(24)
	if err != nil {
		t.Fatal(err)
	}
	last := network.Addr().As4()
	last[3] = 255
	directed := fmt.Sprintf("%d.%d.%d.%d", last[0], last[1], last[2], last[3])
	r := on(t, a, "--wait", "0", "ip{dst="+directed+"} / udp{dport=9}")
	if r.code != 2 || !strings.Contains(r.stderr, "--allow broadcast") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if r = on(t, a, "--wait", "0", "-I", a.Ends()[0].Ifname, "ip{dst=255.255.255.255} / udp{dport=9}"); r.code != 2 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if got, _ := arrived(t, live, a); len(got) != 0 {
		t.Errorf("%d packets were sent", len(got))
	}
	if r = on(t, a, "--wait", "0", "--allow", "broadcast", "ip{dst="+directed+"} / udp{dport=9}"); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if got, _ := arrived(t, live, a); len(got) != 1 {
		t.Errorf("%d packets arrived", len(got))
	}
}

// TestConnectedNetworkMustBeSaid: a range through all of a network of this host, and a recorded packet to all of one.
func TestConnectedNetworkMustBeSaid(t *testing.T) {
	_, a, b := netlab.Two(t)
	device := a.Ends()[0].Ifname
	if err := a.AddAddr(device, netip.MustParsePrefix("198.51.100.1/29")); err != nil {
		t.Fatal(err)
	}
	live := listenOn(t, b)
	r := on(t, a, "--wait", "0", "ip{dst=198.51.100.1..198.51.100.6} / udp{dport=9}")
	if r.code != 2 || !strings.Contains(r.stderr, "198.51.100.0/29") || !strings.Contains(r.stderr, "--allow subnet") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	file := filepath.Join(t.TempDir(), "file.pcap")
	if r := local("-w", file, fmt.Sprintf("eth{dst=%s, src=%s} / ip{src=198.51.100.1, dst=198.51.100.7} / udp{dport=9}", b.MAC(), a.MAC())); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	r = on(t, a, "-I", device, "-r", file)
	if r.code != 2 || !strings.Contains(r.stderr, "a broadcast address of "+device) || !strings.Contains(r.stderr, "--allow broadcast") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if got, _ := arrived(t, live, a); len(got) != 0 {
		t.Errorf("%d packets were sent", len(got))
	}
	if r = on(t, a, "-I", device, "-r", file, "--allow", "broadcast"); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if got, _ := arrived(t, live, a); len(got) != 1 {
		t.Errorf("%d packets arrived", len(got))
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	file := filepath.Join(t.TempDir(), "file.pcap")
	w, err := capture.Create(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Describe([]capture.Interface{{Name: "x", Link: capture.LinkEthernet}}); err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for i := range 5 {
		b, err := packet.Append(nil, &packet.Ethernet{Dst: b.Ends()[0].MAC, Src: a.Ends()[0].MAC}, &packet.IPv4{Src: a.Addr4(), Dst: b.Addr4(), ID: uint16(i)},
			&packet.UDP{SrcPort: 1, DstPort: uint16(9 + i)}, packet.Payload("replayed"))
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, b)
		f := capture.Frame{Data: b, Length: len(b), Link: capture.LinkEthernet, Time: time.Unix(1000, int64(i)*int64(100*time.Millisecond))}
		if err := w.Write(&f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	live := listenOn(t, b)
	device := a.Ends()[0].Ifname
	check := func(name string, got, want [][]byte) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %d packets, want %d", name, len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("%s: packet %d\n got %x\nwant %x", name, i, got[i], want[i])
			}
		}
	}
	on(t, a, "-I", device, "-r", file)
	got, times := arrived(t, live, a)
	check("as recorded", got, frames)
	if d := times[4].Sub(times[0]); d < 390*time.Millisecond {
		t.Errorf("took %v, want 400 ms", d)
	}
	on(t, a, "-I", device, "-r", file, "--speed", "0.5")
	got, times = arrived(t, live, a)
	check("half as fast", got, frames)
	if d := times[4].Sub(times[0]); d < 790*time.Millisecond {
		t.Errorf("took %v, want 800 ms", d)
	}
	on(t, a, "-I", device, "-r", file, "--flood", "--loop", "3", "udp port 10 or udp port 12")
	got, _ = arrived(t, live, a)
	check("filtered, three times", got, [][]byte{frames[1], frames[3], frames[1], frames[3], frames[1], frames[3]})
	on(t, a, "-r", file, "--engine", "raw", "--flood", "--edit", "ip{ttl=9, id=seq 100}")
	got, _ = arrived(t, live, a)
	for i, b := range got {
		if b[22] != 9 || b[19] != byte(100+i) || wire.Checksum(b[14:34]) != 0 {
			t.Errorf("edited packet %d: %x", i, b)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d edited packets", len(got))
	}
	if r := on(t, a, "-r", file); r.code != 2 || !strings.Contains(r.stderr, "-I NAME") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}
