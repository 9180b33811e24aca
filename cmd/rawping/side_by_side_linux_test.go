package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"sockwire/raw"
	"sockwire/raw/netlab"
	"sockwire/raw/wire"
)

const (
	answering4, answering6 = "198.18.0.0/24", "2001:db8:9::/64"
	silent4, silent6       = "198.19.0.0/24", "2001:db8:a::/64"
)

// stealer answers every echo that comes to a host in the name of other runs: the reply has the identifier of another
// run and the sequence number and payload of this one, and comes from the echo's target and from one that is silent.
type stealer struct {
	in, out *raw.Conn
	ids     []uint16 // all seen
	next    int
	sent    int
}

func (s *stealer) open(t *testing.T, h *netlab.Host) {
	t.Helper()
	err := h.Do(func() (err error) {
		if s.in, err = raw.Listen(t.Context(), raw.ICMP, &raw.Config{ReadBuffer: 1 << 20}); err != nil {
			return err
		}
		s.out, err = raw.Listen(t.Context(), raw.ICMP, &raw.Config{HeaderIncluded: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run works until its socket is closed.
func (s *stealer) run() {
	silent := netip.MustParsePrefix(silent4).Addr()
	for buf := make([]byte, 256); ; {
		m, err := s.in.ReadPacket(buf)
		if err != nil {
			return
		}
		b := buf[:m.N]
		if len(b) < m.HeaderLen+8 || m.HeaderLen != 20 || b[20] != wire.ICMPv4Echo {
			continue
		}
		id := binary.BigEndian.Uint16(b[24:])
		if !slices.Contains(s.ids, id) {
			s.ids = append(s.ids, id)
		}
		source, target := [4]byte(b[12:]), [4]byte(b[16:])
		for range min(4, len(s.ids)-1) {
			if s.next++; s.ids[s.next%len(s.ids)] == id {
				s.next++
			}
			for _, from := range [][4]byte{target, silent.Next().As4()} {
				b[8] = 64
				copy(b[12:], from[:])
				copy(b[16:], source[:])
				b[20] = wire.ICMPv4EchoReply
				binary.BigEndian.PutUint16(b[24:], s.ids[s.next%len(s.ids)])
				binary.BigEndian.PutUint16(b[22:], 0)
				binary.BigEndian.PutUint16(b[22:], wire.Checksum(b[20:]))
				if s.out.WritePacket(b, netip.AddrFrom4(source)) == nil {
					s.sent++
				}
			}
		}
	}
}

// TestSideBySide runs twenty processes at once that ping the same hosts with echoes of one size, half of them on raw
// sockets and half on ping sockets, while every echo's answer also comes in the name of other processes. Each is
// to report its own targets and no other, every target that can answer as answering to each echo, and no answer of a
// target that cannot.
func TestSideBySide(t *testing.T) {
	_, a, b := netlab.Two(t)
	if err := a.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		prefix string
		via    netip.Addr
		kind   netlab.RouteKind
	}{{answering4, b.Addr4(), netlab.Local}, {answering6, b.Addr6(), netlab.Local}, {silent4, b.Addr4(), netlab.Blackhole}, {silent6, b.Addr6(), netlab.Blackhole}} {
		prefix := netip.MustParsePrefix(r.prefix)
		if err := b.AddRoute(netlab.Route{Dst: prefix, Kind: r.kind}); err != nil {
			t.Fatal(err)
		}
		if err := a.AddRoute(netlab.Route{Dst: prefix, Via: r.via}); err != nil {
			t.Fatal(err)
		}
	}
	var thief stealer
	thief.open(t, b)
	var stealing, group sync.WaitGroup
	stealing.Go(thief.run)

	const runs, count = 20, 15
	spoofed := map[string]uint64{}
	var mu sync.Mutex
	for i := range runs {
		kind := []string{"raw", "ping"}[i%2]
		// Neighbouring runs share all targets but one of each family.
		answers := map[string]bool{}
		for k := range 2 {
			answers[fmt.Sprintf("198.18.0.%d", 1+(i+k)%8)] = true
			answers[fmt.Sprintf("2001:db8:9::%x", 1+(i+k)%8)] = true
		}
		answers[fmt.Sprintf("198.19.0.%d", 1+i%3)] = false
		answers[fmt.Sprintf("198.19.0.%d", 4+i%3)] = false
		answers[fmt.Sprintf("2001:db8:a::%x", 1+i%3)] = false
		args := []string{"--json", "--socket", kind, "-s", "16", "-c", fmt.Sprint(count), "-i", "20ms", "--rate", "10kpps"}
		for target := range answers {
			args = append(args, target)
		}
		group.Go(func() {
			o, err := on(a, "rawping", args...)
			if err != nil || o.code != 1 { // some did not answer
				t.Errorf("run %d: %+v, %v", i, o, err)
				return
			}
			n := checkRun(t, fmt.Sprintf("run %d, %s socket", i, kind), o.stdout, answers, count)
			mu.Lock()
			defer mu.Unlock()
			spoofed[kind] += n
		})
	}
	group.Wait()
	thief.in.Close()
	stealing.Wait()
	thief.out.Close()
	if len(thief.ids) < runs*3/4 || spoofed["raw"] < runs || spoofed["ping"] < runs {
		t.Errorf("collisions were few: %d identifiers, %d stolen answers, of which were noticed %v", len(thief.ids), thief.sent, spoofed)
	}
}

// checkRun compares the records of one run with what its targets can do and returns how many spoofed answers it saw.
func checkRun(t *testing.T, run, records string, answers map[string]bool, count int) (spoofed uint64) {
	t.Helper()
	ends := map[string]int{}
	hosts := map[string]bool{}
	for line := range strings.Lines(records) {
		var record struct{ Type, Target string }
		var e echoRecord
		var h hostRecord
		var s summaryRecord
		into := map[string]any{"echo": &e, "host": &h, "summary": &s}
		err := json.Unmarshal([]byte(line), &record)
		if err == nil && into[record.Type] != nil {
			err = json.Unmarshal([]byte(line), into[record.Type])
		}
		if err != nil {
			t.Errorf("%s: %v in %s", run, err, line)
			return 0
		}
		can, ours := answers[record.Target]
		switch record.Type {
		case "echo":
			ends[e.Target]++
			answered := (e.Outcome == "answered" || e.Outcome == "late") && e.From == e.Target
			if !ours || e.Duplicate || answered != can || !can && e.Outcome != "lost" {
				t.Errorf("%s: %s", run, line)
			}
		case "host":
			want := uint64(0)
			if can {
				want = uint64(count)
			}
			if !ours || hosts[h.Target] || h.Sent != uint64(count) || h.Received != want || h.Duplicates != 0 {
				t.Errorf("%s: %s", run, line)
			}
			hosts[h.Target] = true
		case "summary":
			if s.HostsAlive != 4 || s.HostsUnreachable != 3 || s.Sent != uint64(count*len(answers)) || s.Received != uint64(4*count) {
				t.Errorf("%s: %s", run, line)
			}
			spoofed += s.Spoofed
		}
	}
	if len(hosts) != len(answers) || len(ends) != len(answers) {
		t.Errorf("%s: records of %d hosts and echoes to %d, want %d", run, len(hosts), len(ends), len(answers))
	}
	for target, n := range ends {
		if n != count {
			t.Errorf("%s: %d ends of echoes to %s", run, n, target)
		}
	}
	return spoofed
}
