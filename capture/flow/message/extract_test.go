package message

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// extract writes the bodies of frames into dir.
func extract(t testing.TB, frames func(yield func(capture.Frame, error) bool), dir string, cfg *ExtractConfig) ([]*File, ExtractCounts) {
	t.Helper()
	x, err := NewExtractor(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	tracker, parser := flow.NewTracker(&flow.Config{Reassemble: true}), &Parser{Bodies: true}
	var (
		files   []*File
		dec     decode.Decoder
		history decode.History
		p       decode.Packet
	)
	add := func(messages []Message) {
		for i := range messages {
			f, err := x.Add(&messages[i])
			if err != nil {
				t.Fatal(err)
			}
			if f != nil {
				files = append(files, f)
			}
		}
	}
	result := func(r flow.Result) {
		for i := range r.Chunks {
			add(parser.Add(&r.Chunks[i]))
		}
		for _, s := range r.Ended {
			add(parser.End(s))
		}
	}
	for f, err := range frames {
		if err != nil {
			break
		}
		dec.Decode(f, &p)
		history.Add(&p)
		result(tracker.Add(&p))
	}
	result(tracker.Finish())
	rest, err := x.Close()
	if err != nil {
		t.Fatal(err)
	}
	return append(files, rest...), x.Counts()
}

func of(frames []capture.Frame) func(yield func(capture.Frame, error) bool) {
	return func(yield func(capture.Frame, error) bool) {
		for _, f := range frames {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// packed are encodings of b.
func packed(t testing.TB, encoding string, b []byte) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "deflate, raw":
		w, _ = flate.NewWriter(&out, 6)
	case "zstd":
		w, _ = zstd.NewWriter(&out)
	default:
		return b
	}
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func content(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 9))
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefgh\n"[rng.IntN(9)]
	}
	return b
}

func get(target string) turn {
	return turn{flow.Forward, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: a.example\r\n\r\n", target)}
}

// answer is a response with a Content-Length; fields end in CR LF each.
func answer(body []byte, fields string) turn {
	return turn{flow.Backward, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", fields, len(body), body)}
}

func chunked(body []byte, fields string) turn {
	b := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n", fields)
	for part := range slices.Chunk(body, 1000) {
		b = fmt.Appendf(b, "%x\r\n%s\r\n", len(part), part)
	}
	return turn{flow.Backward, append(b, "0\r\n\r\n"...)}
}

func frames(turns []turn, port uint16, rng *rand.Rand) []capture.Frame {
	k := newTalk(port)
	k.open()
	for _, x := range turns {
		k.say(rng, x)
	}
	k.close()
	return k.frames
}

func TestExtract(t *testing.T) {
	text := content(5000, 1)
	turns := []turn{
		get("/a/page.html?x=/y"), answer(text, "Content-Type: text/html\r\n"),
		get("/a/page.html"), chunked(text, ""),
		get("/z.css"), answer(packed(t, "gzip", text), "Content-Encoding: gzip\r\n"),
		get("/d"), chunked(packed(t, "deflate", text), "Content-Encoding: deflate\r\n"),
		get("/r"), answer(packed(t, "deflate, raw", text), "Content-Encoding: deflate\r\n"),
		get("/s"), answer(packed(t, "zstd", text), "Content-Encoding: zstd\r\n"),
		get("/b.js"), answer(text, "Content-Encoding: br\r\n"),
		get("/bad"), answer(text, "Content-Encoding: gzip\r\n"),
		get("/torn"), answer(packed(t, "gzip", text)[:700], "Content-Encoding: gzip\r\n"),
		get("/..%2f..%2fetc%2fpasswd"), answer(text, ""),
		get("/x"), answer(text, "Content-Disposition: attachment; filename=\"../../CON.txt\"\r\n"),
		get("/x"), answer(text, "Content-Disposition: attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe%1b.txt\r\n"),
		get("/"), answer(text, "Content-Type: text/html; charset=x\r\n"),
		get("/empty"), answer(nil, ""),
		{flow.Forward, append([]byte("POST /form HTTP/1.1\r\nContent-Length: 5000\r\n\r\n"), text...)}, answer([]byte("ok"), ""),
	}
	want := map[string]string{
		"page.html": "", "page-2.html": "", "z.css": "", "d": "", "r": "", "s": "", "b.js.br": `it is encoded as "br", which is kept`, "bad.gz": "it is no gzip",
		"torn": "its gzip breaks off after", "passwd": "", "_CON.txt": "", "größe_.txt": "", "index.html": "", "form": "", "form-2": "",
	}
	for seed := range uint64(5) {
		dir := t.TempDir()
		files, counts := extract(t, of(frames(turns, 80, rand.New(rand.NewPCG(seed, 1)))), dir, nil)
		var got []string
		for _, f := range files {
			got = append(got, f.Name)
			why, ok := want[f.Name]
			if !ok || !strings.HasPrefix(f.Why, why) || why == "" && (f.Why != "" || !f.Complete) {
				t.Errorf("%s: %q", f.Name, f.Why)
			}
			b, err := os.ReadFile(filepath.Join(dir, f.Name))
			if err != nil || int64(len(b)) != f.Bytes {
				t.Errorf("%s: %d bytes, said %d, %v", f.Name, len(b), f.Bytes, err)
			}
			switch {
			case f.Name == "form-2":
				if string(b) != "ok" {
					t.Errorf("%s: %q", f.Name, b)
				}
			case f.Name == "torn":
				if len(b) == 0 || !bytes.HasPrefix(text, b) {
					t.Errorf("%s: %d bytes that are not the start", f.Name, len(b))
				}
			case !bytes.Equal(b, text):
				t.Errorf("%s: other bytes", f.Name)
			}
			if f.First == 0 || f.Last < f.First {
				t.Errorf("%s: packets %d to %d", f.Name, f.First, f.Last)
			}
		}
		there, _ := os.ReadDir(dir)
		if len(got) != len(want) || len(there) != len(want) || counts.Files != len(want) || counts.Partial != 1 {
			t.Errorf("files %v, %d there, %+v", got, len(there), counts)
		}
	}
}

// TestExtractWhatIsMissing: a gap is zeros, and is said; an end that is missing is said; limits are kept and said.
func TestExtractWhatIsMissing(t *testing.T) {
	text := content(10000, 2)
	all := frames([]turn{get("/a"), answer(text, "")}, 80, nil)
	t.Run("gap", func(t *testing.T) {
		some := slices.Clone(all)
		gone := -1
		for i, f := range some {
			if bytes.Contains(f.Data, text[3000:3100]) {
				gone = i
			}
		}
		at := bytes.Index(text, some[gone].Data[40:])
		size := len(some[gone].Data) - 40
		some = slices.Delete(some, gone, gone+1)
		dir := t.TempDir()
		files, counts := extract(t, of(some), dir, nil)
		b, _ := os.ReadFile(filepath.Join(dir, "a"))
		want := bytes.Clone(text)
		clear(want[at : at+size])
		if len(files) != 1 || files[0].Complete || files[0].Why != fmt.Sprintf("%d bytes of it were not captured", size) || counts.Partial != 1 || !bytes.Equal(b, want) {
			t.Errorf("%+v, %+v, %d bytes", files, counts, len(b))
		}
	})
	t.Run("end", func(t *testing.T) {
		dir := t.TempDir()
		files, _ := extract(t, of(all[:len(all)-5]), dir, nil)
		if len(files) != 1 || files[0].Complete || files[0].Why != "its end was not captured" {
			t.Errorf("%+v", files)
		}
	})
	t.Run("limit of a file", func(t *testing.T) {
		dir := t.TempDir()
		files, _ := extract(t, of(all), dir, &ExtractConfig{FileBytes: 777})
		b, _ := os.ReadFile(filepath.Join(dir, "a"))
		if len(files) != 1 || files[0].Complete || files[0].Why != "only the first 777 bytes are kept" || !bytes.Equal(b, text[:777]) {
			t.Errorf("%+v, %d bytes", files, len(b))
		}
	})
	t.Run("a bomb", func(t *testing.T) {
		dir := t.TempDir()
		bomb := packed(t, "gzip", make([]byte, 50<<20))
		files, counts := extract(t, of(frames([]turn{get("/bomb"), answer(bomb, "Content-Encoding: gzip\r\n")}, 80, nil)), dir, &ExtractConfig{FileBytes: 1 << 20})
		if len(files) != 1 || files[0].Bytes != 1<<20 || files[0].Complete || counts.Bytes != 1<<20 {
			t.Errorf("%+v, %+v", files, counts)
		}
	})
	t.Run("limits of all", func(t *testing.T) {
		dir := t.TempDir()
		var turns []turn
		for range 10 {
			turns = append(turns, get("/a"), answer(text[:100], ""))
		}
		files, counts := extract(t, of(frames(turns, 80, nil)), dir, &ExtractConfig{Files: 3})
		if len(files) != 3 || counts.Passed != 7 {
			t.Errorf("%d files, %+v", len(files), counts)
		}
		files, counts = extract(t, of(frames(turns, 80, nil)), t.TempDir(), &ExtractConfig{TotalBytes: 250})
		if len(files) != 3 || counts.Bytes != 250 || counts.Passed != 7 || files[2].Complete {
			t.Errorf("%d files, %+v", len(files), counts)
		}
	})
}

// sharedCorpus returns the captures of other projects that stand beside the checkout.
func sharedCorpus(t testing.TB, patterns ...string) []string {
	if more := os.Getenv("FLOW_CAPTURES"); more != "" { // a folder of other captures instead
		found, _ := filepath.Glob(filepath.Join(more, "*.pcap*"))
		return found
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			for _, p := range patterns {
				found, _ := filepath.Glob(filepath.Join(dir, "..", "shared", "corpus", p))
				files = append(files, found...)
			}
			return files
		}
	}
	return nil
}

// writeFile makes a capture file of frames.
func writeFile(t testing.TB, frames []capture.Frame) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made-here.pcap")
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, nil)
	if err == nil {
		err = w.Describe([]capture.Interface{{Link: frames[0].Link}})
	}
	for i := range frames {
		if err == nil {
			err = w.Write(&frames[i])
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = os.WriteFile(file, b.Bytes(), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func needTshark(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("tshark is required: ", err)
		}
		t.Skip("tshark is not installed")
	}
}

// contents returns what the files of a directory hold, sorted.
func contents(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	slices.Sort(all)
	return all
}

// TestExtractAsTshark compares the bytes with those that tshark exports, of captures of other projects and of one made
// here.
func TestExtractAsTshark(t *testing.T) {
	needTshark(t)
	// In segments of full size: tshark takes a chunked response for a continuation when its first segment is a few
	// bytes long.
	var turns []turn
	for i := range 30 {
		text := content(100+i*300, uint64(i))
		encoding := []string{"", "gzip", "deflate"}[i%3]
		fields := "Content-Type: text/plain\r\n"
		if encoding != "" {
			fields += "Content-Encoding: " + encoding + "\r\n"
		}
		turns = append(turns, get(fmt.Sprintf("/%d.txt", i)))
		if i%2 == 0 {
			turns = append(turns, answer(packed(t, encoding, text), fields))
		} else {
			turns = append(turns, chunked(packed(t, encoding, text), fields))
		}
	}
	files := append(sharedCorpus(t, "tcpdump/*http*.pcap*", "libpcap/*http*.pcap*"), writeFile(t, frames(turns, 80, nil)))
	for _, file := range files {
		if strings.Contains(file, "arcnet") {
			continue // a link type that is not decoded here
		}
		r, err := capture.OpenFile(file)
		if err != nil {
			t.Logf("not seen: %s: %v", filepath.Base(file), err)
			continue
		}
		ours, theirs := t.TempDir(), t.TempDir()
		found, _ := extract(t, r.Frames(context.Background()), ours, nil)
		r.Close()
		for _, f := range found {
			if !f.Complete { // tshark leaves most of them out
				os.Remove(filepath.Join(ours, f.Name))
			}
		}
		cmd := exec.Command("tshark", "-n", "-Q", "-r", file, "--export-objects", "http,"+theirs)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Logf("tshark: %s: %v: %s", filepath.Base(file), err, out)
		}
		a, b := contents(t, ours), contents(t, theirs)
		if !slices.Equal(a, b) {
			t.Errorf("%s: %d files, tshark has %d", filepath.Base(file), len(a), len(b))
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Errorf("%.200q\n%.200q", a[i], b[i])
					break
				}
			}
		}
		t.Logf("%s: %d files are the same", filepath.Base(file), len(a))
	}
}
