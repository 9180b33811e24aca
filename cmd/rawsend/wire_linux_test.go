package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/inject"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// wireField is a field of a packet with a value that a kernel might not leave alone.
type wireField struct{ name, layer, value, rest string }

// wireFields are the fields of IPv4 and IPv6, and what lies below them.
var wireFields = []wireField{
	{"version", "ip", "version=5", ""}, {"header length", "ip", "ihl=6", ""}, {"TOS", "ip", "tos=0xfd", ""}, {"total length", "ip", "len=30", ""},
	{"id", "ip", "id=0x4321", ""}, {"id of 0", "ip", "id=0", ""}, {"evil bit", "ip", "evil=1", ""}, {"DF", "ip", "df=1", ""}, {"MF", "ip", "mf=1", ""},
	{"fragment offset", "ip", "off=5", ""}, {"TTL", "ip", "ttl=3", ""}, {"TTL of 0", "ip", "ttl=0", ""}, {"protocol", "ip", "proto=200", ""},
	{"header checksum", "ip", "chksum=0xbad", ""}, {"source", "ip", "src=203.0.113.9", ""}, {"source of 0.0.0.0", "ip", "src=0.0.0.0", ""},
	{"options", "ip", "options=[ra{0}]", ""}, {"larger than the MTU", "ip", "", "zero{1600}"},
	{"UDP length", "ip", "", "len=9"}, {"UDP checksum", "ip", "", "chksum=0xbad"}, {"UDP checksum of 0", "ip", "", "chksum=0"},
	{"version", "ip6", "version=5", ""}, {"traffic class", "ip6", "tc=0xfd", ""}, {"flow label", "ip6", "flow=0xabcde", ""}, {"payload length", "ip6", "plen=3", ""},
	{"next header", "ip6", "nh=200", ""}, {"hop limit", "ip6", "hlim=3", ""}, {"hop limit of 0", "ip6", "hlim=0", ""}, {"source", "ip6", "src=2001:db8::9", ""},
	{"larger than the MTU", "ip6", "", "zero{1600}"}, {"UDP checksum", "ip6", "", "chksum=0xbad"}, {"UDP checksum of 0", "ip6", "", "chksum=0"},
}

// spec returns the expression, and whether it is more than the MTU.
func (f wireField) spec(a, b *netlab.Host) string {
	src, dst, id := a.Addr4(), b.Addr4(), ", id=7"
	if f.layer == "ip6" {
		src, dst, id = a.Addr6(), b.Addr6(), ""
	}
	fields := fmt.Sprintf("dst=%s", dst)
	if !strings.HasPrefix(f.value, "src=") {
		fields += fmt.Sprintf(", src=%s", src)
	}
	if !strings.HasPrefix(f.value, "id=") {
		fields += id
	}
	if f.value != "" {
		fields += ", " + f.value
	}
	udp, payload := "sport=5000, dport=9", "text{data}"
	if strings.HasPrefix(f.rest, "zero") {
		payload = f.rest
	} else if f.rest != "" {
		udp += ", " + f.rest
	}
	return fmt.Sprintf("eth{dst=%s, src=%s, type=%s} / %s{%s} / udp{%s} / %s", packet.MAC(b.Ends()[0].MAC), packet.MAC(a.Ends()[0].MAC), f.layer, f.layer, fields, udp, payload)
}

// TestEveryFieldOnTheWire sends each field through each engine: what arrives is what was asked, or the engine's own
// rule had said that it would not. The table in the README is what came out.
func TestEveryFieldOnTheWire(t *testing.T) {
	needXDP(t)
	_, a, b := netlab.Two(t)
	engines := map[string]inject.Engine{}
	var live *capture.Live
	err := a.Do(func() (err error) {
		cfg := &inject.Config{Interface: a.Ends()[0].Ifname}
		if engines["raw"], err = inject.OpenRaw(&inject.Config{}); err != nil {
			return err
		}
		if engines["packet"], err = inject.OpenFrames(cfg); err != nil {
			return err
		}
		if engines["xdp"], err = inject.OpenXDP(cfg); err != nil {
			return err
		}
		engines["trains"], err = inject.OpenTrains(cfg)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Do(func() (err error) {
		live, err = capture.Open(context.Background(), b.Ends()[0].Ifname, &capture.Config{Immediate: true, Direction: capture.DirectionIn})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	table := "| layer | field | raw | packet | xdp | trains |\n|---|---|---|---|---|---|\n"
	for _, f := range wireFields {
		table += fmt.Sprintf("| %s | %s |", f.layer, f.name)
		for _, name := range []string{"raw", "packet", "xdp", "trains"} {
			table += " " + sendField(t, f, a, b, name, engines[name], live) + " |"
		}
		table += "\n"
	}
	for _, e := range engines {
		e.Close()
	}
	checkTable(t, table)
}

// needXDP skips the test where the kernel has no AF_XDP sockets.
func needXDP(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err == unix.EAFNOSUPPORT && os.Getenv("REQUIRE_NETLAB") != "1" {
		t.Skip("this kernel has no AF_XDP sockets")
	}
	unix.Close(fd)
}

// sendField sends one packet and returns the table's word on it.
func sendField(t *testing.T, f wireField, a, b *netlab.Host, name string, e inject.Engine, live *capture.Live) string {
	t.Helper()
	template, err := packet.Parse(f.spec(a, b))
	if err != nil {
		t.Fatal(err)
	}
	frame, _, err := template.Append(nil, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	refusal, sent := "", frame
	switch name {
	case "raw":
		sent = frame[14:]
		refusal = inject.RawAlters(sent, 1500)
	case "packet", "xdp":
		if len(frame) > 14+1500 {
			refusal = "larger than the MTU"
		}
	case "trains":
		if refusal = inject.TrainRefuses(frame); len(frame) > 14+1500 {
			return "no" // the kernel does not look at the size of what it is to cut: the command does
		}
	}
	if refusal == "" && name == "trains" && f.value != "" && strings.HasPrefix(f.value, "id=") {
		return "counts up" // within a train; the command refuses a given id
	}
	packets := [][]byte{sent}
	if name == "trains" {
		packets = [][]byte{sent, sent, sent}
	}
	n, sendErr := e.Send(packets)
	if refusal != "" && (sendErr != nil || n == 0) {
		return "no"
	}
	if sendErr != nil {
		t.Errorf("%s %s by %s: %v, and no rule said so", f.layer, f.name, name, sendErr)
		return "error"
	}
	got := nextFrom(t, live, a)
	if name == "trains" {
		got = firstOfTrain(t, got, frame)
	}
	same := bytes.Equal(got, frame)
	switch {
	case same && refusal == "":
		return "yes"
	case !same && refusal == "":
		t.Errorf("%s %s by %s came changed, and no rule said so\n got %x\nsent %x", f.layer, f.name, name, got, frame)
		return "changed"
	case same:
		t.Errorf("%s %s by %s came as it was, though the rule says %q", f.layer, f.name, name, refusal)
	}
	return "no"
}

// firstOfTrain makes of a train, which arrives whole at a capture, its first packet: the lengths and checksums are left
// to whoever cuts it.
func firstOfTrain(t *testing.T, train, frame []byte) []byte {
	t.Helper()
	payload := len(frame) - len("data")
	if len(train) != payload+3*len("data") {
		t.Fatalf("a train of %d bytes for frames of %d", len(train), len(frame))
	}
	first := bytes.Clone(train[:len(frame)])
	udp := payload - 8
	copy(first[udp+4:udp+8], frame[udp+4:])
	if udp == 34 {
		copy(first[16:18], frame[16:])
		copy(first[24:26], frame[24:])
	} else {
		copy(first[18:20], frame[18:])
	}
	return first
}

// nextFrom returns the next frame that a host sent.
func nextFrom(t *testing.T, live *capture.Live, a *netlab.Host) []byte {
	t.Helper()
	live.SetReadDeadline(time.Now().Add(10 * time.Second))
	mac := a.Ends()[0].MAC
	for {
		var f capture.Frame
		if err := live.Next(&f); err != nil {
			t.Fatal(err)
		}
		// ARP and neighbour discovery are the kernel's own.
		if len(f.Data) > 23 && bytes.Equal(f.Data[6:12], mac[:]) && f.Data[13] != 6 && !(f.Data[12] == 0x86 && f.Data[20] == wire.ProtoICMPv6) {
			return bytes.Clone(f.Data)
		}
	}
}

const (
	tableStart = "<!-- made by TestEveryFieldOnTheWire -->\n"
	tableEnd   = "<!-- end -->\n"
)

func checkTable(t *testing.T, table string) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), tableStart)
	old, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		t.Fatal("README.md has no place for the table")
	}
	if flag.Lookup("update").Value.String() == "true" { // the flag of clitest
		if err := os.WriteFile("README.md", []byte(before+tableStart+table+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table {
		t.Errorf("the table in README.md is not what came out now (go test ./cmd/rawsend -run EveryField -update):\n%s", table)
	}
}
