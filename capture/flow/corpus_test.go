package flow_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// peer skips a test whose judge is not installed.
func peer(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
}

// album is a capture made of several files, none of which has a connection between the same two ends as another: so
// that tshark, which takes long to start, is started a few times only.
type album struct {
	frames []capture.Frame
	origin []string // of each frame: file and number
	file   string   // where it was written
	taken  map[pair]bool
	seen   *seen
}

type pair [2]netip.AddrPort

func pairOf(s *flow.Stream) pair {
	p := pair{s.Source(flow.Forward), s.Source(flow.Backward)}
	if p[0].Compare(p[1]) > 0 {
		p[0], p[1] = p[1], p[0]
	}
	return p
}

// seen is what a Tracker made of a capture.
type seen struct {
	stream    map[int]uint64 // of each frame that belongs to one
	direction map[int]flow.Direction
	verdicts  map[int][]flow.Verdict
	kind      map[int]map[flow.Kind]*flow.Verdict
	streams   map[uint64]*followed
	ip        map[int][]byte // from the IP header on
	holes     map[int]bool   // behind which bytes are missing, at that time
	proofs    map[int]bool   // that acknowledge what was not seen
}

type followed struct {
	pair  pair
	ends  [2]netip.AddrPort
	first int
	chunks
}

// chunks are the bytes of a stream's directions, the gaps left out.
type chunks struct {
	bytes [2][]byte
	gaps  [2]int64
}

// look gives frames to a Tracker, fragments put together.
func look(frames []capture.Frame) *seen {
	s := &seen{map[int]uint64{}, map[int]flow.Direction{}, map[int][]flow.Verdict{}, map[int]map[flow.Kind]*flow.Verdict{}, map[uint64]*followed{}, map[int][]byte{}, map[int]bool{}, map[int]bool{}}
	t := flow.NewTracker(&flow.Config{Reassemble: true})
	var defragmenter flow.Defragmenter
	var d decode.Decoder
	var p decode.Packet
	take := func(i int, r flow.Result) {
		if r.Stream != nil {
			n := r.Stream.Number()
			s.stream[i], s.direction[i] = n, r.Direction
			if s.streams[n] == nil {
				s.streams[n] = &followed{first: i}
			}
			f := s.streams[n]
			f.pair, f.ends = pairOf(r.Stream), [2]netip.AddrPort{r.Stream.Source(flow.Forward), r.Stream.Source(flow.Backward)}
		}
		for _, v := range r.Verdicts {
			at := int(v.Packet) - 1
			s.verdicts[at] = append(s.verdicts[at], v)
		}
		for _, c := range r.Chunks {
			f := s.streams[c.Stream.Number()]
			f.bytes[c.Direction] = append(f.bytes[c.Direction], c.Data...)
			f.gaps[c.Direction] += c.Gap
		}
	}
	for i := range frames {
		d.Decode(frames[i], &p)
		p.Number = uint64(i + 1)
		for g := defragmenter.Add(&p); g != nil && g.Fate == flow.FragmentWhole; g = defragmenter.Add(&p) {
			d.Decode(g.Frame, &p)
		}
		take(i, t.Add(&p))
		for at, l := range p.Layers() {
			if (l.Type == decode.TypeIPv4 || l.Type == decode.TypeIPv6) && l.Flags&decode.Quoted == 0 && p.Find(decode.TypeTCP) > at {
				s.ip[i] = slices.Clone(p.Frame.Data[l.Offset:min(len(p.Frame.Data), l.Offset+l.Length)])
			}
		}
	}
	take(len(frames), t.Finish())
	for i, all := range s.verdicts {
		s.kind[i] = map[flow.Kind]*flow.Verdict{}
		for j := range all {
			first, second := all[j].Evidence()
			switch k := all[j].Kind; {
			case k == flow.LostBefore:
				s.holes[int(first)-1] = true
			case k == flow.Missed && int(second)-1 == i: // what acknowledges it is all that is known of it
				s.proofs[i] = true
			case k == flow.Missed:
				s.holes[i] = true
				s.proofs[int(second)-1] = true
			case k == flow.Reordered:
				s.holes[int(first)-1] = true
			}
			if all[j].Retracted {
				delete(s.kind[i], all[j].Kind)
			} else if s.kind[i][all[j].Kind] == nil {
				s.kind[i][all[j].Kind] = &all[j]
			}
		}
	}
	return s
}

// albums are all captures of the corpora in which there is TCP.
var albums = sync.OnceValue(func() (all []*album) {
	for _, file := range corpus {
		r, err := capture.OpenFile(file)
		if err != nil {
			continue // many are broken on purpose
		}
		var frames []capture.Frame
		for f, err := range r.Frames(context.Background()) {
			if err != nil {
				break
			}
			f.Comments = nil
			f.Interface, f.Ifindex, f.Drops = 0, 0, 0
			frames = append(frames, f.Clone())
		}
		r.Close()
		s := look(frames)
		if len(s.streams) == 0 {
			continue
		}
		var in *album
		for _, a := range all {
			if free(a, s) {
				in = a
				break
			}
		}
		if in == nil {
			in = &album{taken: map[pair]bool{}}
			all = append(all, in)
		}
		for _, f := range s.streams {
			in.taken[f.pair] = true
		}
		for i := range frames {
			in.frames = append(in.frames, frames[i])
			in.origin = append(in.origin, fmt.Sprintf("%s/%s %d", filepath.Base(filepath.Dir(file)), filepath.Base(file), i+1))
		}
	}
	for _, a := range all {
		a.seen = look(a.frames)
	}
	return all
})

var corpus []string

func free(a *album, s *seen) bool {
	for _, f := range s.streams {
		if a.taken[f.pair] {
			return false
		}
	}
	return true
}

// theAlbums are the albums, as files.
func theAlbums(t *testing.T) []*album {
	t.Helper()
	corpus = flow.Shared(t, "tcpdump/*.pcap", "libpcap/*.pcap", "tcpdump/*.pcapng", "libpcap/*.pcapng", "pcapng/*/*/*.pcapng")
	if len(corpus) == 0 {
		t.Skip("no captures at ../shared/corpus beside the checkout")
	}
	if more := os.Getenv("FLOW_CAPTURES"); more != "" { // a folder of other captures instead
		corpus = nil
		must(t, filepath.WalkDir(more, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				corpus = append(corpus, path)
			}
			return err
		}))
	}
	dir := t.TempDir()
	all := albums()
	for i, a := range all {
		a.file = filepath.Join(dir, fmt.Sprintf("%d.pcapng", i))
		write(t, a.file, a.frames)
	}
	return all
}

// write writes frames of any link types.
func write(t *testing.T, file string, frames []capture.Frame) {
	t.Helper()
	w, err := capture.Create(file, &capture.WriterConfig{Format: capture.FormatPcapng})
	must(t, err)
	var interfaces []capture.Interface
	at := map[capture.LinkType]int{}
	for i := range frames {
		if _, ok := at[frames[i].Link]; !ok {
			at[frames[i].Link] = len(interfaces)
			interfaces = append(interfaces, capture.Interface{Link: frames[i].Link, Resolution: 1})
		}
	}
	must(t, w.Describe(interfaces))
	for i := range frames {
		f := frames[i]
		f.Interface = at[f.Link]
		must(t, w.Write(&f))
	}
	must(t, w.Close())
}

// tshark runs it on a file and returns its lines.
func tshark(t *testing.T, file string, args ...string) []string {
	t.Helper()
	peer(t, "tshark")
	cmd := exec.Command("tshark", append([]string{"-n", "-r", file}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, stderr.String())
	}
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n")
}

// follows returns the bytes that tshark follows of each of its streams: of the side that sent first, and of the other.
func follows(t *testing.T, a *album) (streams map[int]int, bytes map[int]*chunks) {
	t.Helper()
	// Where a packet has several TCP headers the last is the innermost.
	streams, bytes = map[int]int{}, map[int]*chunks{}
	last := -1
	for _, line := range tshark(t, a.file, "-T", "fields", "-e", "frame.number", "-e", "tcp.stream", "-Y", "tcp") {
		number, list, _ := strings.Cut(line, "\t")
		n, _ := strconv.Atoi(number)
		for _, text := range strings.Split(list, ",") {
			if i, err := strconv.Atoi(text); err == nil {
				streams[n-1] = i
				last = max(last, i)
			}
		}
	}
	args := []string{"-q"}
	for i := range last + 1 {
		args = append(args, "-z", fmt.Sprintf("follow,tcp,raw,%d", i))
	}
	at := -1
	for _, line := range tshark(t, a.file, args...) {
		if text, ok := strings.CutPrefix(line, "Filter: tcp.stream eq "); ok {
			n, err := strconv.Atoi(text)
			must(t, err)
			at = n
			bytes[at] = &chunks{}
			continue
		}
		text, back := strings.CutPrefix(line, "\t")
		b, err := hex.DecodeString(text)
		if at < 0 || err != nil || text == "" {
			continue
		}
		side := 0
		if back {
			side = 1
		}
		if gap := missing.FindSubmatch(b); gap != nil {
			n, _ := strconv.ParseInt(string(gap[1]), 10, 64)
			bytes[at].gaps[side] += n
			b = b[len(gap[0]):]
		}
		bytes[at].bytes[side] = append(bytes[at].bytes[side], b...)
	}
	return streams, bytes
}

// missing is what tshark puts where bytes are missing, among the bytes.
var missing = regexp.MustCompile(`^\[(\d+) bytes missing in capture file\]\.?\x00?`)

// TestFollowAsTshark: the bytes of every stream of the corpora are those that tshark follows, but where it is listed
// why not.
func TestFollowAsTshark(t *testing.T) {
	same, empty := 0, 0
	listed := maps.Clone(followedOtherwise)
	for _, a := range theAlbums(t) {
		number, theirs := follows(t, a)
		s := a.seen
		for _, n := range slices.Sorted(maps.Keys(s.streams)) {
			f := s.streams[n]
			at, ok := number[f.first]
			their := theirs[at]
			name := a.origin[f.first]
			var differs string
			switch {
			case !ok || their == nil:
				differs = "tshark has no such stream"
			default:
				// tshark's first side is the one that sent first; ours opened the connection.
				one, two := f.bytes[0], f.bytes[1]
				if bytes.Equal(one, their.bytes[0]) && bytes.Equal(two, their.bytes[1]) || bytes.Equal(one, their.bytes[1]) && bytes.Equal(two, their.bytes[0]) {
					break
				}
				differs = fmt.Sprintf("we have %d and %d bytes (gaps %v), tshark %d and %d (gaps %v)", len(one), len(two), f.gaps, len(their.bytes[0]), len(their.bytes[1]), their.gaps)
			}
			why, known := listed[name]
			delete(listed, name)
			switch {
			case differs == "" && known:
				t.Errorf("%s: is listed (%s), and is the same", name, why)
			case differs == "":
				same++
				if len(f.bytes[0])+len(f.bytes[1]) == 0 {
					empty++
				}
			case !known:
				t.Errorf("%s: %v: %s", name, f.ends, differs)
			}
		}
	}
	for name, why := range listed {
		t.Errorf("%s: is listed (%s), and is no stream", name, why)
	}
	t.Logf("%d streams are the same (%d of them without data), %d are listed", same, empty, len(followedOtherwise))
}

// followedOtherwise are the streams whose bytes are not those of tshark, by the file and number of their first packet,
// and why.
var followedOtherwise = map[string]string{
	"tcpdump/bgp-as-path-oobr.pcap 1":           badChecksums,
	"tcpdump/smb_data_print-segv.pcap 1":        badChecksums,
	"tcpdump/bgp-cease-hard-reset.pcap 1":       "the last packet stands behind 61 bytes that are missing, and nothing acknowledges them: tshark holds it back, and we give it behind the gap",
	"tcpdump/bigtcp-ipv4-geneve-ipv4.pcap 1":    largeLength,
	"tcpdump/bigtcp-ipv4-geneve-ipv6.pcap 1":    largeLength,
	"tcpdump/bigtcp-ipv4-vxlan-ipv4.pcap 1":     largeLength,
	"tcpdump/bigtcp-ipv4-vxlan-ipv6.pcap 1":     largeLength,
	"tcpdump/bigtcp-ipv6-geneve-ipv4.pcap 1":    largeLength,
	"tcpdump/bigtcp-ipv6-geneve-ipv6.pcap 1":    largeLength,
	"tcpdump/bigtcp-ipv6-vxlan-ipv4.pcap 1":     largeLength,
	"tcpdump/bigtcp-ipv6-vxlan-ipv6.pcap 1":     largeLength,
	"tcpdump/bigtcp-ipv6.pcap 1":                largeLength,
	"tcpdump/tcp_rst_data.pcap 1":               resetText,
	"tcpdump/tcp_rst_data-trunc.pcap 1":         resetText,
	"tcpdump/tcp_rst_diag_payload.pcap 1":       resetText,
	"tcpdump/tcp_rst_diag_payload-trunc.pcap 1": resetText,
	"libpcap/AH-IPcomp-IPv4.pcap 1":             compressed,
	"libpcap/AH-IPcomp-IPv6.pcap 1":             compressed,
	"tcpdump/of10_s4810.pcap 1":                 gaveUp,
	"tcpdump/of13_ericsson.pcapng 62":           gaveUp,
}

const (
	badChecksums = "packets among others with right checksums have wrong ones, as of damage: their receiver drops them, and tshark does not verify"
	largeLength  = "tshark does not read a TCP segment of more than 64 KiB (IP length 0) in this place"
	resetText    = "what an RST carries is no part of the stream (RFC 9293, section 3.5.3)"
	compressed   = "the segments are compressed (IPComp, RFC 3173), which we do not undo"
	gaveUp       = "tshark leaves out the bytes of packets in which its decoder of OpenFlow gives up, and says that they are missing"
)
