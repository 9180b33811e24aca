package capture_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"sockwire/capture"
)

// corpus returns the captures of other projects that match the patterns, which stand beside the
// repository and are not part of it.
func corpus(t testing.TB, patterns ...string) []string {
	t.Helper()
	var files []string
	for _, p := range patterns {
		m, err := filepath.Glob(filepath.Join("..", "..", "shared", "corpus", p))
		must(t, err)
		files = append(files, m...)
	}
	if len(files) == 0 {
		t.Skip("no ../shared/corpus beside the repository: nothing to compare with")
	}
	return files
}

var (
	pcapFiles = []string{"tcpdump/*.pcap*", "libpcap/*.pcap*"}
	allFiles  = []string{"tcpdump/*.pcap*", "libpcap/*.pcap*", "pcapng/*/*/*.pcapng"}
)

func peer(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skipf("%s is not installed: nothing to compare with", name)
	}
}

// packet is what is compared of a frame.
type packet struct {
	captured, length int
	time             time.Time
}

// readAll returns the packets of a file and the error that ended it, nil for its end.
func readAll(r *capture.Reader) ([]packet, error) {
	var got []packet
	var f capture.Frame
	for {
		err := r.Next(&f)
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got = append(got, packet{len(f.Data), f.Length, f.Time})
	}
}

func openFile(t testing.TB, name string) *capture.Reader {
	t.Helper()
	r, err := capture.OpenFile(name)
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// otherTimes are captures whose times tcpdump computes otherwise, with the reason.
var otherTimes = map[string]string{
	"atm-oam-loopback-print-overrun.pcap": "a microsecond field above 999999, which overflows 32 bits of nanoseconds there",
	"rx_serviceid_oobr.pcap":              "the same",
	"timestamp_invalid_micro.pcap":        "the same",
	"time_2106_overflow.pcapng":           "seconds above 32 bits do not fit the pcap that it writes",
	"time_2107.pcapng":                    "the same",
}

// Every packet has the lengths and the time that libpcap reads, as tcpdump writes them out again.
func TestCorpusAsTcpdumpReadsIt(t *testing.T) {
	t.Parallel()
	peer(t, "tcpdump")
	files := corpus(t, pcapFiles...)
	if out, err := exec.Command("tcpdump", "-r", files[0], "-w", "-").CombinedOutput(); err != nil && bytes.Contains(out, []byte("Couldn't change to")) {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatalf("tcpdump: %v: %s", err, out)
		}
		t.Skip("tcpdump does not run in a user namespace, where it cannot give up root: nothing to compare with")
	}
	// libpcap cuts records that are longer than the file's snaplen; we give what is there.
	cut := map[string]bool{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	packets, cutFiles := 0, 0
	slots := make(chan struct{}, 4)
	for _, file := range files {
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			base := filepath.Base(file)
			out, err := exec.Command("tcpdump", "-r", file, "--time-stamp-precision=nano", "-w", "-").Output()
			r, openErr := capture.OpenFile(file)
			if err != nil && len(out) < 24 {
				if openErr == nil {
					r.Close()
					t.Errorf("%s: tcpdump refuses it and we do not: %v", base, err)
				}
				return
			}
			if openErr != nil {
				t.Errorf("%s: %v", base, openErr)
				return
			}
			defer r.Close()
			got, gotErr := readAll(r)
			theirs, wantErr := capture.NewReader(bytes.NewReader(out))
			if wantErr != nil {
				t.Errorf("%s: what tcpdump wrote: %v", base, wantErr)
				return
			}
			want, _ := readAll(theirs)
			if (err != nil) != (gotErr != nil) {
				t.Errorf("%s: tcpdump's error %v, ours %v", base, err, gotErr)
			}
			if len(got) != len(want) {
				t.Errorf("%s: %d packets, tcpdump has %d", base, len(got), len(want))
				return
			}
			mu.Lock()
			packets += len(got)
			mu.Unlock()
			for i, p := range got {
				snaplen := r.Interfaces()[0].Snaplen
				if p.captured > want[i].captured && want[i].captured == snaplen {
					p.captured = snaplen
					mu.Lock()
					cut[base] = true
					cutFiles = len(cut)
					mu.Unlock()
				}
				if p.time.IsZero() {
					p.time = time.Unix(0, 0) // a simple packet block has none; tcpdump prints 1970
				}
				if otherTimes[base] != "" {
					p.time = want[i].time
				}
				if p.captured != want[i].captured || p.length != want[i].length || !p.time.Equal(want[i].time) {
					t.Errorf("%s: packet %d is %v, tcpdump has %v", base, i+1, p, want[i])
				}
			}
		}()
	}
	wg.Wait()
	t.Logf("%d packets of %d files compared; %d files have records longer than their snaplen", packets, len(files), cutFiles)
}

const linkSunATM capture.LinkType = 123

// capinfos, which uses Wireshark's reader, counts the same packets and bytes.
func TestCorpusAsWiresharkCountsIt(t *testing.T) {
	t.Parallel()
	peer(t, "capinfos")
	files := corpus(t, allFiles...)
	// A file that Wireshark cannot read makes the exit status 2, and is no line of the table.
	out, err := exec.Command("capinfos", append([]string{"-T", "-r", "-c", "-d"}, files...)...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	compared := 0
	for line := range strings.Lines(string(out)) {
		cell := strings.Split(strings.TrimSpace(line), "\t")
		if len(cell) < 3 {
			t.Fatalf("line %q", line)
		}
		count, err := strconv.Atoi(cell[1])
		must(t, err)
		r, err := capture.OpenFile(cell[0])
		if err != nil {
			t.Errorf("%s: %v", cell[0], err)
			continue
		}
		got, _ := readAll(r)
		if len(got) != count {
			t.Errorf("%s: %d packets, capinfos counts %d", cell[0], len(got), count)
		}
		total := 0
		for _, p := range got {
			total += p.length
		}
		if r.Interfaces() != nil && r.Interfaces()[0].Link == linkSunATM {
			total -= 4 * len(got) // Wireshark does not count the pseudo-header
		}
		if size, err := strconv.Atoi(cell[2]); err == nil && size != total {
			t.Errorf("%s: %d bytes, capinfos counts %d", cell[0], total, size)
		}
		r.Close()
		compared++
	}
	if compared < len(files)/2 {
		t.Errorf("only %d of %d files compared", compared, len(files))
	}
	t.Logf("%d of %d files compared; Wireshark does not know the link types of the others", compared, len(files))
}

// The pcapng captures hold the blocks that their descriptions say.
func TestPcapngCorpusAsDescribed(t *testing.T) {
	t.Parallel()
	short := map[capture.BlockType]string{
		capture.BlockSection: "SHB", capture.BlockInterface: "IDB", capture.BlockEnhancedPacket: "EPB", capture.BlockSimplePacket: "SPB",
		capture.BlockStatistics: "ISB", capture.BlockNameResolution: "NRB", capture.BlockCustom: "CB", capture.BlockCustomNoCopy: "DCB",
	}
	sequence := regexp.MustCompile(`(?m)^Block sequence: (.*)$`)
	n := 0
	for _, file := range corpus(t, "pcapng/*/*/*.pcapng") {
		r := openFile(t, file)
		var blocks []string
		var b capture.Block
		var err error
		for err = r.NextBlock(&b); err == nil; err = r.NextBlock(&b) {
			blocks = append(blocks, short[b.Type])
		}
		if err != io.EOF {
			t.Errorf("%s: %v", file, err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".pcapng") + ".txt")
		must(t, err)
		m := sequence.FindSubmatch(text)
		if m == nil {
			t.Fatalf("%s has no description", file)
		}
		if got := strings.Join(blocks, ", "); got != strings.TrimSpace(string(m[1])) {
			t.Errorf("%s:\n got %s\nwant %s", file, got, m[1])
		}
		n++
	}
	t.Logf("%d captures as described", n)
}

// copyBlocks copies a capture block by block and returns the error that ended it, nil for its end.
func copyBlocks(w *capture.Writer, r *capture.Reader) error {
	var b capture.Block
	for {
		err := r.NextBlock(&b)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.WriteBlock(&b); err != nil {
			return err
		}
	}
}

// A copy of every capture is the same file, however it is read and packed.
func TestCorpusRoundTrip(t *testing.T) {
	t.Parallel()
	for i, file := range corpus(t, allFiles...) {
		want, err := os.ReadFile(file)
		must(t, err)
		r := openFile(t, file)
		packings := []capture.Compression{capture.Uncompressed, capture.Gzip, capture.Zstd}
		if i%8 != 0 && r.Format() != capture.FormatPcapng {
			packings = packings[:1] // starting a compressor costs more than the file
		}
		for _, packing := range packings {
			if packing != capture.Uncompressed {
				r, err = capture.NewReader(iotest.HalfReader(bytes.NewReader(want)))
				must(t, err)
			}
			var packed bytes.Buffer
			w, err := capture.NewWriter(&packed, &capture.WriterConfig{Format: r.Format(), Compression: packing})
			must(t, err)
			if err := copyBlocks(w, r); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			must(t, w.Close())
			got := packed.Bytes()
			if packing != capture.Uncompressed {
				// Once more, out of the compressed copy.
				again, err := capture.NewReader(&packed)
				must(t, err)
				if again.Compression() != packing {
					t.Errorf("%s: packed as %v, read as %v", file, packing, again.Compression())
				}
				var plain bytes.Buffer
				w, err := capture.NewWriter(&plain, &capture.WriterConfig{Format: r.Format()})
				must(t, err)
				must(t, copyBlocks(w, again))
				must(t, w.Close())
				must(t, again.Close())
				got = plain.Bytes()
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: the copy by way of packing %v differs", file, packing)
			}
		}
	}
}

// framesOf reads data as a file and checks what must hold whatever the bytes are.
func framesOf(t testing.TB, data []byte) (frames []packet, err error) {
	r, err := capture.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var f capture.Frame
	for {
		err := r.Next(&f)
		if err == io.EOF {
			return frames, nil
		}
		if err != nil {
			var at *capture.FileError
			if !errors.As(err, &at) || at.Offset < 0 || at.Offset > int64(len(data)) && r.Compression() == capture.Uncompressed {
				t.Fatalf("error %#v of a file of %d bytes", err, len(data))
			}
			return frames, err
		}
		if len(f.Data) > len(data) || f.Interface >= len(r.Interfaces()) {
			t.Fatalf("%d bytes of interface %d in a file of %d bytes", len(f.Data), f.Interface, len(data))
		}
		frames = append(frames, packet{len(f.Data), f.Length, f.Time})
	}
}

// A capture that is cut off gives everything before the cut, and says where it ends.
func TestCorpusCutEvery64Bytes(t *testing.T) {
	t.Parallel()
	cuts := 0
	for _, file := range corpus(t, allFiles...) {
		data, err := os.ReadFile(file)
		must(t, err)
		whole, wholeErr := framesOf(t, data)
		step := 64
		if len(data) > 64<<10 && testing.Short() { // large files cost the square of their size
			step = 64 * (len(data) / (32 << 10))
		}
		for n := 0; n < len(data); n += step {
			got, err := framesOf(t, data[:n])
			if len(got) > len(whole) || !slices.Equal(got, whole[:len(got)]) {
				t.Fatalf("%s cut at %d: %d frames are not the first of %d", file, n, len(got), len(whole))
			}
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && wholeErr == nil {
				t.Fatalf("%s cut at %d: %v", file, n, err)
			}
			cuts++
		}
	}
	t.Logf("%d cuts", cuts)
}

var mutations = flag.Int("mutations", 30_000, "mutated captures to read")

func TestCorpusMutated(t *testing.T) {
	var contents [][]byte
	for _, file := range corpus(t, allFiles...) {
		data, err := os.ReadFile(file)
		must(t, err)
		if len(data) <= 16<<10 {
			contents = append(contents, data)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	// What reading one file allocates is counted, not what the process holds: that depends on when the collector runs.
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var most uint64
	frames, failed := 0, 0
	for i := range *mutations {
		data := bytes.Clone(contents[i%len(contents)])
		for range 1 + random.IntN(4) {
			// Headers decide; most of the hits should be there.
			at := random.IntN(len(data))
			if random.IntN(2) == 0 {
				at = random.IntN(min(len(data), 128))
			}
			data[at] = [...]byte{0, 1, 0x7f, 0x80, 0xff, byte(random.Uint32())}[random.IntN(6)]
		}
		metrics.Read(allocated)
		before := allocated[0].Value.Uint64()
		got, err := framesOf(t, data)
		metrics.Read(allocated)
		most = max(most, allocated[0].Value.Uint64()-before)
		frames += len(got)
		if err != nil {
			failed++
		}
	}
	if most > 4<<20 {
		t.Errorf("reading a file of at most 16 KiB allocated %d bytes", most)
	}
	t.Logf("%d mutations, %d frames read, %d ended with an error, at most %d bytes allocated for one", *mutations, frames, failed, most)
}
