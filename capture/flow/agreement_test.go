package flow_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/flow"
	"sockwire/capture/golden"
)

// comparison is a class of verdicts and what tshark has for it.
type comparison struct {
	name   string
	ours   func(s *seen, frame int, k map[flow.Kind]*flow.Verdict) bool
	theirs []string // fields of tcp.analysis, any of them
}

func anyOf(kinds ...flow.Kind) func(*seen, int, map[flow.Kind]*flow.Verdict) bool {
	return func(_ *seen, _ int, said map[flow.Kind]*flow.Verdict) bool {
		return slices.ContainsFunc(kinds, func(k flow.Kind) bool { return said[k] != nil })
	}
}

// comparisons are all classes that tshark has.
var comparisons = []comparison{
	{"sent again", anyOf(flow.Retransmission, flow.Duplicate, flow.Copy), []string{"retransmission", "fast_retransmission", "spurious_retransmission"}},
	{"needless", anyOf(flow.Spurious), []string{"spurious_retransmission"}},
	{"reordered", anyOf(flow.Reordered), []string{"out_of_order"}},
	{"behind a hole", behind, []string{"lost_segment"}},
	{"acknowledges what was not seen", acknowledges, []string{"ack_lost_segment"}},
	{"duplicate acknowledgement", anyOf(flow.DuplicateAck), []string{"duplicate_ack"}},
	{"zero window", anyOf(flow.ZeroWindow), []string{"zero_window"}},
	{"window probe", anyOf(flow.WindowProbe), []string{"zero_window_probe"}},
	{"window full", anyOf(flow.WindowFull), []string{"window_full"}},
	{"window update", anyOf(flow.WindowUpdate), []string{"window_update"}},
	{"keep-alive", anyOf(flow.KeepAlive), []string{"keep_alive"}},
	{"keep-alive answered", anyOf(flow.KeepAliveAck), []string{"keep_alive_ack"}},
}

// behind: the packet shows a hole before it, whatever became of it.
func behind(s *seen, frame int, said map[flow.Kind]*flow.Verdict) bool { return s.holes[frame] }

// acknowledges: the packet is the proof that bytes passed which the capture does not have.
func acknowledges(s *seen, frame int, said map[flow.Kind]*flow.Verdict) bool { return s.proofs[frame] }

// analysis are the frames that tshark says each field of.
func analysis(t *testing.T, file string) map[string]map[int]bool {
	t.Helper()
	var fields []string
	for _, c := range comparisons {
		for _, f := range c.theirs {
			if !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	args := []string{"-Y", "tcp.analysis.flags", "-T", "fields", "-e", "frame.number"}
	for _, f := range fields {
		args = append(args, "-e", "tcp.analysis."+f)
	}
	all := map[string]map[int]bool{}
	for _, f := range fields {
		all[f] = map[int]bool{}
	}
	for _, line := range tshark(t, file, args...) {
		columns := strings.Split(line, "\t")
		n, err := strconv.Atoi(columns[0])
		if err != nil {
			continue
		}
		for i, f := range fields {
			if i+1 < len(columns) && columns[i+1] != "" {
				all[f][n-1] = true
			}
		}
	}
	return all
}

// agreement counts frames.
type agreement struct{ both, ours, theirs int }

// counted is what tcptrace counts.
var counted = []struct {
	name, column string
	ours         func(said map[flow.Kind]*flow.Verdict) bool
}{
	{"sent again", "rexmt_data_pkts", func(said map[flow.Kind]*flow.Verdict) bool {
		return said[flow.Retransmission] != nil || said[flow.Duplicate] != nil || said[flow.Copy] != nil
	}},
	{"reordered", "outoforder_pkts", func(said map[flow.Kind]*flow.Verdict) bool { return said[flow.Reordered] != nil }},
	{"zero window", "zero_win_adv", func(said map[flow.Kind]*flow.Verdict) bool { return said[flow.ZeroWindow] != nil }},
	{"window probe", "zwnd_probe_pkts", func(said map[flow.Kind]*flow.Verdict) bool { return said[flow.WindowProbe] != nil }},
}

// tcptrace returns what it counts, of each direction of each connection: by column, source and destination.
func tcptrace(t *testing.T, s *seen, frames []capture.Frame) map[string]int {
	t.Helper()
	peer(t, "tcptrace")
	// It knows Ethernet and pcap: so each IP packet gets a header of its own.
	var plain []capture.Frame
	for i := range frames {
		b := s.ip[i]
		if _, ok := s.stream[i]; !ok || len(b) == 0 {
			continue
		}
		header := make([]byte, 14, 14+len(b))
		header[12], header[13] = 8, 0
		if b[0]>>4 == 6 {
			header[12], header[13] = 0x86, 0xdd
		}
		f := capture.Frame{Data: append(header, b...), Time: frames[i].Time, Link: capture.LinkEthernet}
		f.Length = len(f.Data)
		plain = append(plain, f)
	}
	file := filepath.Join(t.TempDir(), "plain.pcap")
	w, err := capture.Create(file, &capture.WriterConfig{Format: capture.FormatPcap})
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet, Resolution: 1000}}))
	for i := range plain {
		must(t, w.Write(&plain[i]))
	}
	must(t, w.Close())
	cmd := exec.Command("tcptrace", "--csv", "-n", "-l", file)
	cmd.Dir = t.TempDir()
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("tcptrace: %v", err)
	}
	all := map[string]int{}
	var columns []string
	for line := range strings.Lines(string(out)) {
		values := strings.Split(strings.TrimSpace(line), ",")
		for i := range values {
			values[i] = strings.TrimSpace(values[i])
		}
		if values[0] == "conn_#" {
			columns = values
			continue
		}
		if len(columns) == 0 || len(values) < len(columns)-1 {
			continue
		}
		at := func(name string) string { return values[slices.Index(columns, name)] }
		a, b := at("host_a")+" "+at("port_a"), at("host_b")+" "+at("port_b")
		for _, c := range counted {
			for suffix, ends := range map[string]string{"_a2b": a + " " + b, "_b2a": b + " " + a} {
				n, _ := strconv.Atoi(at(c.column + suffix))
				all[c.column+" "+ends] += n
			}
		}
	}
	return all
}

// compare compares with both.
func compare(t *testing.T, a *album, with map[string]*agreement, counts map[string]*agreement, differ func(class string, frame int, ours bool)) {
	t.Helper()
	theirs := analysis(t, a.file)
	s := a.seen
	for _, c := range comparisons {
		if with[c.name] == nil {
			with[c.name] = &agreement{}
		}
		for i := range a.frames {
			if _, ok := s.stream[i]; !ok {
				continue
			}
			ours := c.ours(s, i, s.kind[i])
			their := slices.ContainsFunc(c.theirs, func(f string) bool { return theirs[f][i] })
			switch {
			case ours && their:
				with[c.name].both++
			case ours:
				with[c.name].ours++
				differ(c.name, i, true)
			case their:
				with[c.name].theirs++
				differ(c.name, i, false)
			}
		}
	}
	trace := tcptrace(t, s, a.frames)
	for _, c := range counted {
		if counts[c.name] == nil {
			counts[c.name] = &agreement{}
		}
		ours := map[string]int{}
		for i := range a.frames {
			if n, ok := s.stream[i]; ok && c.ours(s.kind[i]) {
				f := s.streams[n]
				from, to := f.ends[s.direction[i]], f.ends[s.direction[i].Other()]
				ours[fmt.Sprintf("%s %s %d %s %d", c.column, from.Addr(), from.Port(), to.Addr(), to.Port())]++
			}
		}
		for name, n := range ours {
			counts[c.name].both += min(n, trace[name])
			counts[c.name].ours += max(n-trace[name], 0)
			counts[c.name].theirs += max(trace[name]-n, 0)
		}
		for name, n := range trace {
			if strings.HasPrefix(name, c.column+" ") && ours[name] == 0 {
				counts[c.name].theirs += n
			}
		}
	}
}

// TestAgreement compares verdicts on the corpora with tshark's analysis and with what tcptrace counts. The table in the
// README is what it found; go test -update writes it anew, when agreement has grown.
func TestAgreement(t *testing.T) {
	with, counts := map[string]*agreement{}, map[string]*agreement{}
	used := map[string]bool{}
	for _, a := range theAlbums(t) {
		compare(t, a, with, counts, func(class string, frame int, ours bool) {
			who := "tshark"
			if ours {
				who = "ours"
			}
			file, number, _ := strings.Cut(a.origin[frame], " ")
			name := class + ": " + file
			why := differs[name]
			if used[name] = true; os.Getenv("FLOW_CAPTURES") == "" && why == "" {
				t.Errorf("%q %s: only %s: %v", name, number, who, a.seen.verdicts[frame])
			} else {
				t.Logf("%q %s: only %s: %v: %s", name, number, who, a.seen.verdicts[frame], why)
			}
		})
	}
	var b strings.Builder
	b.WriteString("| class | both | only ours | only tshark's | both | only ours | only tcptrace's |\n|---|---|---|---|---|---|---|\n")
	for _, c := range comparisons {
		w := with[c.name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d |", c.name, w.both, w.ours, w.theirs)
		if w := counts[c.name]; w != nil {
			fmt.Fprintf(&b, " %d | %d | %d |\n", w.both, w.ours, w.theirs)
		} else {
			b.WriteString(" | | |\n")
		}
	}
	if os.Getenv("FLOW_CAPTURES") != "" {
		t.Log("\n" + b.String())
		return
	}
	for name := range differs {
		if !used[name] {
			t.Errorf("%q is explained, and there is no difference", name)
		}
	}
	text, err := os.ReadFile("README.md")
	must(t, err)
	before, rest, ok := strings.Cut(string(text), tableBegins)
	_, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok || !ok2 {
		t.Fatal("README.md has no place for the table")
	}
	if golden.Update(t, "README.md", before+tableBegins+"\n"+b.String()+tableEnds+after) {
		return
	}
	for i, line := range strings.Split(b.String(), "\n") {
		was := strings.Split(strings.TrimPrefix(rest, "\n"), "\n")[i]
		for _, column := range []int{2, 5} {
			if had, has := both(was, column), both(line, column); has < had {
				t.Errorf("agreement has dropped from %d to %d (go test -update, if that is right): %s", had, has, line)
			}
		}
	}
}

// both reads a number of a line of the table.
func both(line string, column int) int {
	cells := strings.Split(line, "|")
	if column >= len(cells) {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(cells[column]))
	return n
}

const (
	tableBegins = "<!-- the table of TestAgreement -->"
	tableEnds   = "<!-- its end -->"
)

// differs says why ours and tshark's say something else, by class and file.
var differs = map[string]string{
	"acknowledges what was not seen: libpcap/AH-IPcomp-IPv4.pcap":     oneWay,
	"acknowledges what was not seen: libpcap/AH-IPcomp-IPv6.pcap":     oneWay,
	"acknowledges what was not seen: tcpdump/bgp-role.pcapng":         oneWay,
	"acknowledges what was not seen: tcpdump/ldp-common-session.pcap": oneWay,
	"acknowledges what was not seen: tcpdump/lspping-fec-ldp.pcap":    oneWay,
	"acknowledges what was not seen: tcpdump/of13_ericsson.pcapng":    onceOnly,
	"behind a hole: tcpdump/of13_ericsson.pcapng":                     onceOnly,
	"behind a hole: libpcap/AH-IPcomp-IPv4.pcap":                      oneWay,
	"behind a hole: libpcap/AH-IPcomp-IPv6.pcap":                      oneWay,
	"acknowledges what was not seen: tcpdump/ipoib.pcap":              oneWay,
	"behind a hole: tcpdump/bgp-cease-hard-reset.pcap":                "nothing acknowledges what stands behind the hole, so nothing says that it passed",
	"duplicate acknowledgement: tcpdump/kday3.pcap":                   sameAgain,
	"duplicate acknowledgement: tcpdump/kday4.pcap":                   sameAgain,
	"duplicate acknowledgement: tcpdump/kday7.pcap":                   sameAgain,
	"duplicate acknowledgement: tcpdump/pptp.pcap":                    sameAgain,
	"sent again: tcpdump/pptp.pcap":                                   sameAgain,
	"sent again: tcpdump/kday3.pcap":                                  sameAgain,
	"sent again: tcpdump/kday4.pcap":                                  sameAgain,
	"sent again: tcpdump/kday7.pcap":                                  sameAgain,
	"reordered: tcpdump/kday3.pcap":                                   fuzzed,
	"reordered: tcpdump/kday4.pcap":                                   fuzzed,
	"reordered: tcpdump/kday7.pcap":                                   fuzzed,
	"behind a hole: tcpdump/kday3.pcap":                               fuzzed,
	"behind a hole: tcpdump/kday4.pcap":                               fuzzed,
	"behind a hole: tcpdump/kday7.pcap":                               fuzzed,
	"duplicate acknowledgement: tcpdump/mptcp-fclose.pcap":            nothingOut,
	"duplicate acknowledgement: tcpdump/mptcp-v0.pcap":                nothingOut,
	"duplicate acknowledgement: tcpdump/ssh.pcap":                     nothingOut,
	"needless: tcpdump/ssh.pcap":                                      "packet 49 sends again what an acknowledgement had covered, and a DSACK says that it was there; tshark calls it a fast retransmission",
	"reordered: tcpdump/bgp-as-path-oobr.pcap":                        overlapping,
	"sent again: tcpdump/bgp-shutdown-msg-variations.pcap":            overlapping,
	"reordered: tcpdump/bgp-shutdown-msg-variations.pcap":             overlapping,
}

const (
	oneWay      = "one way only was captured, or decoded: that its bytes passed is known from the acknowledgements; tshark wants a packet of that way first"
	onceOnly    = "a hole is said once, at the first packet that shows it; tshark says it of the acknowledgement on the other way again"
	sameAgain   = "the same packet twice, IP identification and all: a duplicate, which tshark does not have"
	fuzzed      = "packets made to break decoders, out of order by years"
	nothingOut  = "nothing was unacknowledged, so it asks for nothing (RFC 5681, section 2): an answer to what came late"
	overlapping = "packets with the same sequence numbers and other bytes; tshark takes them for late ones, within three milliseconds"
)
