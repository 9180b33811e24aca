package info_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/info"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, &capture.WriterConfig{Compression: capture.Gzip, Section: capture.Section{OS: "Linux", Application: "test", Comments: []string{"why"}}})
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Name: "a", Link: capture.LinkEthernet, Snaplen: 100}, {Name: "b", Link: capture.LinkRaw}}))
	at := func(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms) }
	for _, f := range []capture.Frame{
		{Data: make([]byte, 60), Length: 60, Time: at(0)},
		{Data: make([]byte, 100), Length: 1500, Time: at(2000), Comments: []string{"x", "y"}, Drops: 7},
		{Data: make([]byte, 20), Length: 20, Time: at(1000), Interface: 1},
	} {
		must(t, w.Write(&f))
	}
	must(t, w.WriteStatistics(&capture.Statistics{Interface: 1, Time: at(3000), Received: -1, Dropped: 4, Accepted: -1, SystemDrop: -1, Delivered: -1}))
	must(t, w.Close())
	r, err := capture.NewReader(&b)
	must(t, err)
	f, err := info.Read(t.Context(), r)
	must(t, err)
	packets, bits := f.PerSecond()
	got := fmt.Sprint(f.Format, f.Compression == capture.Gzip, f.Counts, f.MinLength, f.MaxLength, f.Cut, f.Duration(), f.Disorder, f.Drops, f.Comments, packets, bits,
		len(f.Sections), f.Sections[0].Comments, f.Interfaces[0].Name, f.Interfaces[0].Counts, f.Interfaces[1].Counts, f.Interfaces[1].Statistics.Dropped)
	want := "pcapng true {3 1580 180} 20 1500 1 2s 3 7 2 1.5 6320 1 [why]a{2 1560 160} {1 20 20} 4"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestAgainstCapinfos compares with capinfos on the captures of other projects.
func TestAgainstCapinfos(t *testing.T) {
	if _, err := exec.LookPath("capinfos"); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("capinfos is not installed: nothing to compare with")
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", "tcpdump", "*.pcap*"))
	must(t, err)
	more, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", "pcapng", "*", "*", "*.pcapng"))
	must(t, err)
	files = append(files, more...)
	if len(files) == 0 {
		t.Skip("no ../shared/corpus beside the repository: nothing to compare with")
	}
	compared := 0
	for start := 0; start < len(files); start += 200 {
		batch := files[start:min(start+200, len(files))]
		// Without a heading: name, packets, data size, first and last in seconds, SHA-256, SHA-1.
		out, _ := exec.Command("capinfos", append([]string{"-T", "-r", "-M", "-N", "-c", "-d", "-a", "-e", "-S", "-H", "-o"}, batch...)...).Output()
		for line := range strings.Lines(string(out)) {
			f := strings.Split(strings.TrimSpace(line), "\t")
			name := strings.Trim(f[0], `"`)
			r, err := capture.OpenFile(name)
			if err != nil {
				continue
			}
			got, err := info.Read(t.Context(), r)
			odd, _ := r.OddTimes()
			r.Close()
			if err != nil {
				continue // a file that is damaged or cut: capinfos stops elsewhere
			}
			_, sum256, sum1, err := info.Hashes(t.Context(), name)
			must(t, err)
			compared++
			seconds := func(at time.Time) string {
				if at.IsZero() {
					return "n/a"
				}
				return fmt.Sprintf("%d.%09d", at.Unix(), at.Nanosecond())
			}
			ours := []string{fmt.Sprint(got.Packets), fmt.Sprint(got.Bytes), seconds(got.First), seconds(got.Last)}
			theirs := append([]string(nil), f[1:min(5, len(f))]...)
			// capinfos tells no times where one packet has none, takes 1970 itself for none, and a fraction beyond a
			// second as it stands; and it takes the pseudo header of ATM out of the length.
			if odd > 0 || theirs[2] == "n/a" || got.First.Unix() == 0 {
				ours, theirs = ours[:2], theirs[:2]
			}
			switch base := filepath.Base(name); {
			case strings.HasPrefix(base, "atm-"):
				ours, theirs = ours[:1], theirs[:1]
			case base == "pim_header_asan-2.pcap": // its second packet is of 1970
				ours, theirs = ours[:2], theirs[:2]
			}
			for i := 2; i < len(theirs); i++ { // as many digits as the file's unit has
				if dot := strings.IndexByte(ours[i], '.'); dot >= 0 && strings.HasPrefix(ours[i], theirs[i]) && strings.Trim(ours[i][len(theirs[i]):], "0") == "" {
					ours[i] = theirs[i]
				}
			}
			if fmt.Sprint(ours) != fmt.Sprint(theirs) || !strings.Contains(line, sum256) || !strings.Contains(line, sum1) {
				t.Errorf("%s: %v, capinfos says %v in %s", filepath.Base(name), ours, theirs, line)
			}
		}
	}
	t.Logf("%d files compared", compared)
	if compared < 100 {
		t.Errorf("only %d files compared", compared)
	}
}
