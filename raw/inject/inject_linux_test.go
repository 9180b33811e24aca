package inject_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/inject"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// open opens something on a host.
func open[T any](t *testing.T, h *netlab.Host, f func() (T, error)) T {
	t.Helper()
	var v T
	if err := h.Do(func() (err error) { v, err = f(); return err }); err != nil {
		t.Fatal(err)
	}
	return v
}

func listen(t *testing.T, h *netlab.Host) *capture.Live {
	t.Helper()
	live := open(t, h, func() (*capture.Live, error) {
		return capture.Open(context.Background(), h.Ends()[0].Ifname, &capture.Config{Immediate: true, Direction: capture.DirectionIn})
	})
	t.Cleanup(func() { live.Close() })
	return live
}

// collect returns the next n frames for which keep is true.
func collect(t *testing.T, live *capture.Live, n int, keep func(b []byte) bool) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var got [][]byte
	for f, err := range live.Frames(ctx) {
		if err != nil {
			t.Fatalf("after %d of %d frames: %v", len(got), n, err)
		}
		if keep(f.Data) {
			if got = append(got, bytes.Clone(f.Data)); len(got) == n {
				return got
			}
		}
	}
	t.Fatalf("%d of %d frames came", len(got), n)
	return nil
}

// frameSpec is the expression of a frame from a to b.
func frameSpec(a, b *netlab.Host, rest string) string {
	return fmt.Sprintf("eth{dst=%s, src=%s} / ip{src=%s, dst=%s, id=77} / %s",
		packet.MAC(b.Ends()[0].MAC), packet.MAC(a.Ends()[0].MAC), a.Addr4(), b.Addr4(), rest)
}

func parse(t *testing.T, spec string) *packet.Template {
	t.Helper()
	template, err := packet.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func isUDPTo(port uint16) func([]byte) bool {
	return func(b []byte) bool {
		return len(b) >= 42 && b[12] == 8 && b[13] == 0 && b[23] == 17 && binary.BigEndian.Uint16(b[36:]) == port
	}
}

func transmit(t *testing.T, e inject.Engine, s inject.Source, schedule inject.Schedule) inject.Report {
	t.Helper()
	report, err := (&inject.Transmission{Engine: e, Source: s, Schedule: schedule}).Transmit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestFramesArriveAsBuilt(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, bypass := range []bool{false, true} {
		live := listen(t, b)
		e := open(t, a, func() (inject.Engine, error) {
			return inject.OpenFrames(&inject.Config{Interface: a.Ends()[0].Ifname, QueueBypass: bypass})
		})
		defer e.Close()
		template := parse(t, frameSpec(a, b, "udp{sport=5000..5299, dport=9} / random{18}"))
		report := transmit(t, e, &inject.TemplateSource{Template: template, Count: 300}, inject.Schedule{})
		if report.Sent != 300 || report.Failed != 0 {
			t.Fatalf("sent %d, failed %d", report.Sent, report.Failed)
		}
		for n, got := range collect(t, live, 300, isUDPTo(9)) {
			want, _, err := template.Append(nil, nil, uint64(n))
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("packet %d\n got %x\nwant %x (%v)", n, got, want, err)
			}
		}
	}
}

func TestRawPacketsArriveAsBuilt(t *testing.T) {
	for _, flood := range []bool{false, true} {
		t.Run(fmt.Sprint("flood ", flood), func(t *testing.T) { rawPacketsArriveAsBuilt(t, flood) })
	}
}

func rawPacketsArriveAsBuilt(t *testing.T, flood bool) {
	_, a, b := netlab.Two(t)
	live := listen(t, b)
	e := open(t, a, func() (inject.Engine, error) { return inject.OpenRaw(&inject.Config{Flood: flood}) })
	defer e.Close()
	template := parse(t, fmt.Sprintf("ip{src=%s, dst=%s, id=1..100, ttl=7, tos=0x1c} / udp{sport=5000, dport=9} / random{18}", a.Addr4(), b.Addr4()))
	transmit(t, e, &inject.TemplateSource{Template: template, Count: 100}, inject.Schedule{})
	for n, got := range collect(t, live, 100, isUDPTo(9)) {
		want, _, err := template.Append(nil, nil, uint64(n))
		if err != nil || !bytes.Equal(got[14:], want) {
			t.Fatalf("packet %d\n got %x\nwant %x (%v)", n, got[14:], want, err)
		}
	}

	template = parse(t, fmt.Sprintf("ip6{src=%s, dst=%s, hlim=9, tc=0x1c, flow=0x12345} / udp{sport=5000, dport=9} / random{18}", a.Addr6(), b.Addr6()))
	transmit(t, e, &inject.TemplateSource{Template: template, Count: 100}, inject.Schedule{})
	got := collect(t, live, 100, func(b []byte) bool { return b[12] == 0x86 && b[20] == 17 })
	for n := range got {
		want, _, err := template.Append(nil, nil, uint64(n))
		if err != nil || !bytes.Equal(got[n][14:], want) {
			t.Fatalf("packet %d\n got %x\nwant %x (%v)", n, got[n][14:], want, err)
		}
	}
}

// TestSourceByDefault: a template that names no source gets the one that the kernel would send from, and checksums over
// it.
func TestSourceByDefault(t *testing.T) {
	_, a, b := netlab.Two(t)
	live := listen(t, b)
	for _, spec := range []string{
		"ip{dst=%s, id=1} / udp{sport=1, dport=9} / text{x}", "ip{dst=%s,%[1]s, id=1} / udp{sport=1, dport=9} / text{x}", "ip{dst=%s, id=1, ttl=7..8} / udp{sport=1, dport=9}",
	} {
		e := open(t, a, func() (inject.Engine, error) { return inject.OpenRaw(nil) })
		template := parse(t, fmt.Sprintf(spec, b.Addr4()))
		err := a.Do(func() error {
			report, err := (&inject.Transmission{Engine: e, Source: &inject.TemplateSource{Template: template, Count: 2}}).Transmit(context.Background())
			if err == nil && report.Sent != 2 {
				err = fmt.Errorf("sent %d", report.Sent)
			}
			return err
		})
		e.Close()
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		for _, got := range collect(t, live, 2, isUDPTo(9)) {
			h, ok := inject.ParseHeader(got[14:])
			if !ok || h.Src != a.Addr4() || !wire.PseudoHeader(h.Src, h.Dst, wire.ProtoUDP, len(h.Transport)).Add(h.Transport).Good() {
				t.Errorf("%s: %x", spec, got)
			}
		}
	}
	// One that says that it has none has none.
	template := parse(t, fmt.Sprintf("ip{src=0.0.0.0, dst=%s, id=1} / udp{sport=1, dport=9, chksum=7}", b.Addr4()))
	var batch inject.Batch
	if err := a.Do(func() error { return (&inject.TemplateSource{Template: template, Count: 1}).Fill(&batch, 1) }); err != nil {
		t.Fatal(err)
	}
	if h, _ := inject.ParseHeader(batch.Packets[0]); !h.Src.IsUnspecified() {
		t.Errorf("from %s", h.Src)
	}
}

func TestTrainsArriveAsPackets(t *testing.T) {
	_, a, b := netlab.Two(t)
	e := open(t, a, func() (inject.Engine, error) {
		return inject.OpenTrains(&inject.Config{Interface: a.Ends()[0].Ifname})
	})
	defer e.Close()
	// A socket, unlike a packet socket, gets what a receiver with an ordinary driver gets: one packet each.
	const count, size = 1000, 18
	conn := open(t, b, func() (*udpSocket, error) { return openUDP(9, 4<<20) })
	defer conn.Close()
	template := parse(t, frameSpec(a, b, fmt.Sprintf("udp{sport=5000, dport=9} / random{%d}", size)))
	frame, _, err := template.Append(nil, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if reason := inject.TrainRefuses(frame); reason != "" {
		t.Fatal(reason)
	}
	same := make(repeat, count)
	for i := range same {
		same[i] = frame
	}
	report := transmit(t, e, &same, inject.Schedule{})
	if report.Sent != count {
		t.Fatalf("sent %d", report.Sent)
	}
	buf := make([]byte, 2048)
	for i := range count {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("datagram %d: %v", i, err)
		}
		if !bytes.Equal(buf[:n], frame[42:]) {
			t.Fatalf("datagram %d: %x, want %x", i, buf[:n], frame[42:])
		}
	}
}

// repeat is a source of the same packets.
type repeat [][]byte

func (r *repeat) Fill(b *inject.Batch, n int) error {
	n = min(n, len(*r))
	if n == 0 {
		return errEOF
	}
	b.Packets = append(b.Packets, (*r)[:n]...)
	*r = (*r)[n:]
	return nil
}

// TestRawRefusesAsSystemCallsDo: both ways of the raw engine fail with the system call's error, broadcast without leave
// too, and mixed families go out in their order.
func TestRawRefusesAsSystemCallsDo(t *testing.T) {
	_, a, b := netlab.Two(t)
	live := listen(t, b)
	v4 := build(t, fmt.Sprintf("ip{dst=%s, src=%s, id=1} / udp{dport=9}", b.Addr4(), a.Addr4()))
	v6 := build(t, fmt.Sprintf("ip6{dst=%s, src=%s} / udp{dport=9}", b.Addr6(), a.Addr6()))
	last := b.Addr4().As4()
	last[3] = 255
	everyone := build(t, fmt.Sprintf("ip{dst=%s, src=%s, id=1} / udp{dport=9}", netip.AddrFrom4(last), a.Addr4()))
	for _, flood := range []bool{false, true} {
		e := open(t, a, func() (inject.Engine, error) { return inject.OpenRaw(&inject.Config{Flood: flood}) })
		var call *os.SyscallError
		if n, err := e.Send([][]byte{v4, v6, v4, everyone, v4}); n != 3 || !errors.Is(err, syscall.EACCES) || !errors.As(err, &call) {
			t.Errorf("flood %t: %d, %v", flood, n, err)
		}
		if n, err := e.Send([][]byte{v6, make([]byte, 3)}); n != 1 || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("flood %t: %d, %v", flood, n, err)
		}
		want := [][]byte{v4, v6, v4, v6}
		for i, got := range collect(t, live, 4, func(b []byte) bool { return len(b) > 40 && (b[12] == 8 && b[13] == 0 || b[12] == 0x86 && b[20] == 17) }) {
			if !bytes.Equal(got[14:14+len(want[i])], want[i]) {
				t.Errorf("flood %t: packet %d is %x", flood, i, got)
			}
		}
		e.Close()
	}
}

func TestRefusedPacketIsCountedAndLeftOut(t *testing.T) {
	_, a, b := netlab.Two(t)
	live := listen(t, b)
	e := open(t, a, func() (inject.Engine, error) { return inject.OpenRaw(nil) })
	defer e.Close()
	packets := repeat{
		build(t, fmt.Sprintf("ip{dst=%s, src=%s} / udp{dport=9} / zero{1}", b.Addr4(), a.Addr4())),
		build(t, fmt.Sprintf("ip{dst=%s, src=%s} / udp{dport=9} / zero{2000}", b.Addr4(), a.Addr4())),
		build(t, fmt.Sprintf("ip{dst=%s, src=%s} / udp{dport=9} / zero{3}", b.Addr4(), a.Addr4())),
	}
	report := transmit(t, e, &packets, inject.Schedule{})
	if report.Sent != 2 || report.Failed != 1 || !errors.Is(report.Failure, syscall.EMSGSIZE) {
		t.Fatalf("sent %d, failed %d, %v", report.Sent, report.Failed, report.Failure)
	}
	got := collect(t, live, 2, isUDPTo(9))
	if len(got[0]) != 43 || len(got[1]) != 45 {
		t.Fatalf("%d and %d bytes came", len(got[0]), len(got[1]))
	}
	// The first packet of all decides whether anything works.
	tooLong := repeat{build(t, fmt.Sprintf("ip{dst=%s} / udp{dport=9} / zero{2000}", b.Addr4()))}
	e2 := open(t, a, func() (inject.Engine, error) { return inject.OpenRaw(nil) })
	defer e2.Close()
	if _, err := (&inject.Transmission{Engine: e2, Source: &tooLong}).Transmit(context.Background()); !errors.Is(err, syscall.EMSGSIZE) {
		t.Fatalf("error %v, want message too long", err)
	}
}

func build(t *testing.T, spec string) []byte {
	t.Helper()
	b, _, err := parse(t, spec).Append(nil, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSendAllocatesNothing(t *testing.T) {
	_, a, b := netlab.Two(t)
	frame := build(t, frameSpec(a, b, "udp{dport=9} / zero{18}"))
	packets := make([][]byte, 64)
	trimmed := make([][]byte, 64)
	for i := range packets {
		packets[i], trimmed[i] = frame, frame[14:]
	}
	cfg := &inject.Config{Interface: a.Ends()[0].Ifname}
	raw := open(t, a, func() (inject.Engine, error) { return inject.OpenRaw(nil) })
	flood := open(t, a, func() (inject.Engine, error) { return inject.OpenRaw(&inject.Config{Flood: true}) })
	frames := open(t, a, func() (inject.Engine, error) { return inject.OpenFrames(cfg) })
	trains := open(t, a, func() (inject.Engine, error) { return inject.OpenTrains(cfg) })
	xdp := openXDP(t, a)
	for _, test := range []struct {
		e       inject.Engine
		packets [][]byte
	}{{raw, trimmed}, {flood, trimmed}, {frames, packets}, {trains, packets}, {xdp, packets}} {
		defer test.e.Close()
		if raceEnabled && test.e == raw {
			continue // the detector makes pools forget, such as that of x/net's connections
		}
		allocs := testing.AllocsPerRun(20, func() {
			if n, err := test.e.Send(test.packets); n != len(test.packets) || err != nil {
				t.Fatal(n, err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", test.e, allocs)
		}
	}
}

func TestXDPFramesArriveAsBuilt(t *testing.T) {
	_, a, b := netlab.Two(t)
	live := listen(t, b)
	e := openXDP(t, a)
	// More than the rings hold, of all sizes, so that chunks are used again.
	template := parse(t, frameSpec(a, b, "udp{sport=5000, dport=9} / random{0..1472}"))
	const count = 3000
	sent := make(chan inject.Report)
	go func() {
		report, err := (&inject.Transmission{Engine: e, Source: &inject.TemplateSource{Template: parse(t, template.String()), Count: count}}).Transmit(context.Background())
		if err != nil {
			t.Error(err)
		}
		sent <- report
	}()
	for n, got := range collect(t, live, count, isUDPTo(9)) {
		want, _, err := template.Append(nil, nil, uint64(n))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("frame %d\n got %x\nwant %x (%v)", n, got, want, err)
		}
	}
	if report := <-sent; report.Sent != count || report.Failed != 0 {
		t.Fatalf("sent %d, failed %d", report.Sent, report.Failed)
	}
}

func openXDP(t *testing.T, h *netlab.Host) inject.Engine {
	t.Helper()
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err == unix.EAFNOSUPPORT && os.Getenv("REQUIRE_NETLAB") != "1" {
		t.Skip("this kernel has no AF_XDP sockets")
	}
	unix.Close(fd)
	e := open(t, h, func() (inject.Engine, error) { return inject.OpenXDP(&inject.Config{Interface: h.Ends()[0].Ifname}) })
	t.Cleanup(func() { e.Close() })
	return e
}

func TestXDPRefusesWhatDoesNotFit(t *testing.T) {
	_, a, b := netlab.Two(t)
	live := listen(t, b)
	e := openXDP(t, a)
	vlan := func(size int) []byte {
		return build(t, fmt.Sprintf("eth{dst=%s, src=%s} / vlan{id=9} / ip{src=%s, dst=%s} / udp{dport=9} / zero{%d}",
			packet.MAC(b.Ends()[0].MAC), packet.MAC(a.Ends()[0].MAC), a.Addr4(), b.Addr4(), size))
	}
	packets := [][]byte{
		build(t, frameSpec(a, b, "udp{dport=9} / zero{1472}")), make([]byte, 13), build(t, frameSpec(a, b, "udp{dport=9} / zero{1473}")),
		vlan(1472), vlan(1473), build(t, frameSpec(a, b, "udp{dport=9} / zero{1}")),
	}
	source := repeat(packets)
	report := transmit(t, e, &source, inject.Schedule{})
	if report.Sent != 3 || report.Failed != 3 || !errors.Is(report.Failure, syscall.EINVAL) {
		t.Fatalf("sent %d, failed %d, %v", report.Sent, report.Failed, report.Failure)
	}
	for i, got := range collect(t, live, 3, func(b []byte) bool { return len(b) > 14 && b[5] == packets[0][5] && b[12] != 0x86 && b[13] != 6 }) {
		if want := [][]byte{packets[0], packets[3], packets[5]}[i]; len(got) != len(want) {
			t.Errorf("frame %d has %d bytes, want %d", i, len(got), len(want))
		}
	}
}

// A device without a carrier drops frames, which the kernel tells in its own way: none may be lost or sent twice.
func TestXDPSendsAgainWhatTheDeviceDropped(t *testing.T) {
	if testing.Short() {
		t.Skip("waits two seconds for a device that is down; the rule is tested by TestXDPModel too")
	}
	_, a, b := netlab.Two(t)
	e := openXDP(t, a)
	if err := b.SetUp(b.Ends()[0].Ifname, false); err != nil {
		t.Fatal(err)
	}
	template := parse(t, frameSpec(a, b, "udp{sport=5000, dport=1..600}"))
	var batch inject.Batch
	if err := (&inject.TemplateSource{Template: template, Count: 600}).Fill(&batch, 600); err != nil {
		t.Fatal(err)
	}
	if n, err := e.Send(batch.Packets); n != 0 || !errors.Is(err, syscall.ENOBUFS) || e.Refusals() == 0 {
		t.Fatalf("%d frames, %v and %d refusals without a carrier", n, err, e.Refusals())
	}
	if err := b.SetUp(b.Ends()[0].Ifname, true); err != nil {
		t.Fatal(err)
	}
	live := listen(t, b)
	if n, err := e.Send(batch.Packets); n != 600 || err != nil {
		t.Fatalf("%d frames and %v", n, err)
	}
	for i, got := range collect(t, live, 600, func(b []byte) bool { return len(b) == 42 && b[23] == 17 }) {
		if !bytes.Equal(got, batch.Packets[i]) {
			t.Fatalf("frame %d is %x, want %x", i, got, batch.Packets[i])
		}
	}
}
