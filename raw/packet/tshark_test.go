package packet_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// tshark decodes packets and returns for each the value of each field.
func tshark(t *testing.T, packets [][]byte, linkType uint32, fields ...string) [][]string {
	t.Helper()
	path, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("REQUIRE_PEERS is set and there is no tshark")
		}
		t.Skip("no tshark: nothing to judge by")
	}
	file := filepath.Join(t.TempDir(), "packets.pcap")
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 4, 0)
	b = binary.LittleEndian.AppendUint32(b, linkType)
	for i, p := range packets {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
		b = binary.LittleEndian.AppendUint32(b, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-n", "-r", file, "-T", "fields", "-E", "separator=|", "-E", "occurrence=f", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
		"-o", "udp.check_checksum:TRUE", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	var stderr strings.Builder
	cmd := exec.Command(path, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(packets) {
		t.Fatalf("tshark shows %d packets of %d", len(lines), len(packets))
	}
	rows := make([][]string, len(lines))
	for i, l := range lines {
		rows[i] = strings.Split(l, "|")
	}
	return rows
}

// value reads a number as tshark or an expression writes it.
func value(t *testing.T, s string) uint64 {
	t.Helper()
	if s == "True" {
		return 1
	}
	v, err := strconv.ParseUint(strings.TrimSpace(s), 0, 64)
	if err != nil {
		t.Fatalf("%q is not a number", s)
	}
	return v
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 0, 64)
	return err == nil || s == "True"
}

func TestFieldsAgainstTshark(t *testing.T) {
	_, sweeps := expressionPairs()
	type check struct {
		expression, field string
		want              uint64
	}
	var checks [2][]check // by link type: Ethernet, raw IP
	var packets [2][][]byte
	fields := []string{}
	column := map[string]int{}
	for _, s := range sweeps {
		if s.tshark == "" {
			continue
		}
		if _, ok := column[s.tshark]; !ok {
			column[s.tshark] = len(fields)
			fields = append(fields, s.tshark)
		}
		for i, p := range s.pairs() {
			want := s.values[i]
			if s.python != nil {
				want = s.python[i]
			}
			link := 1
			if strings.HasPrefix(p.ours, "eth") {
				link = 0
			}
			checks[link] = append(checks[link], check{p.ours, s.tshark, value(t, want)})
			packets[link] = append(packets[link], build(t, p.ours, 0))
		}
	}
	for link, linkType := range []uint32{1, 101} {
		rows := tshark(t, packets[link], linkType, fields...)
		for i, c := range checks[link] {
			if c.field == "ip.len" && c.want == 0 {
				continue // tshark takes 0 for a packet left to be segmented, and shows its real length
			}
			got := rows[i][column[c.field]]
			if got == "" || value(t, got) != c.want {
				t.Errorf("%s: tshark has %s = %q, want %d\n%x", c.expression, c.field, got, c.want, packets[link][i])
			}
		}
	}
	t.Logf("%d fields", len(checks[0])+len(checks[1]))
}

// TestChecksumsAgainstTshark: every checksum that was computed is good.
func TestChecksumsAgainstTshark(t *testing.T) {
	pairs, _ := expressionPairs()
	for _, linkType := range []uint32{1, 101} {
		var packets [][]byte
		var expressions []string
		for _, p := range pairs {
			isFrame := strings.HasPrefix(p.ours, "eth")
			if isFrame != (linkType == 1) || strings.Contains(p.ours, "chksum") || strings.Contains(p.ours, "version") || strings.Contains(p.ours, "ihl") ||
				strings.Contains(p.ours, "len=") || strings.Contains(p.ours, "doff") {
				continue
			}
			expressions = append(expressions, p.ours)
			packets = append(packets, build(t, p.ours, 0))
		}
		fields := []string{"ip.checksum.status", "udp.checksum.status", "tcp.checksum.status", "icmp.checksum.status", "icmpv6.checksum.status", "igmp.checksum.status", "sctp.checksum.status"}
		good := 0
		for i, row := range tshark(t, packets, linkType, fields...) {
			for j, status := range row {
				switch status {
				case "1":
					good++
				case "0": // tshark: 0 bad, 1 good, 2 unverified, 3 not present
					if fields[j] == "sctp.checksum.status" {
						continue
					}
					t.Errorf("%s: %s is bad\n%x", expressions[i], fields[j], packets[i])
				}
			}
		}
		if good < len(packets)/2 {
			t.Errorf("only %d good checksums in %d packets", good, len(packets))
		}
		t.Logf("%d good checksums in %d packets", good, len(packets))
	}
}
