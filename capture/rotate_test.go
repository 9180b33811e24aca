package capture_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"sockwire/capture"
)

func files(t *testing.T, dir string) []string {
	t.Helper()
	m, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	return m
}

func TestRotatorByCountAndSize(t *testing.T) {
	ifs, frames := mixed(100)
	for name, rotation := range map[string]capture.Rotation{
		"count": {Count: 10},
		"size":  {Size: 1200},
		"keep":  {Count: 10, Keep: 3},
	} {
		for _, ext := range []string{".pcapng", ".pcapng.zst", ".pcapng.gz"} {
			t.Run(name+ext, func(t *testing.T) {
				dir := t.TempDir()
				r, err := capture.NewRotator(filepath.Join(dir, "a.b"+ext), nil, rotation)
				must(t, err)
				r.OnFinish(func(w *capture.Writer) error { return w.WriteStatistics(&capture.Statistics{Received: 5}) })
				for i := range frames {
					must(t, r.Describe(ifs))
					must(t, r.Write(&frames[i]))
				}
				must(t, r.Close())
				shape := regexp.MustCompile(`^a\.b-\d{8}T\d{6}-\d{5}` + regexp.QuoteMeta(ext) + `$`)
				total, last := 0, 0
				list := files(t, dir)
				for _, file := range list {
					if !shape.MatchString(filepath.Base(file)) {
						t.Errorf("name %s", file)
					}
					r := openFile(t, file)
					statistics := 0
					n := 0
					var b capture.Block
					for r.NextBlock(&b) == nil {
						if b.IsPacket() {
							n++
						}
						if _, ok := b.Statistics(); ok {
							statistics++
						}
					}
					if statistics != 1 || len(r.Interfaces()) != 2 {
						t.Errorf("%s: %d statistics, %d interfaces", file, statistics, len(r.Interfaces()))
					}
					total += n
					last = n
				}
				switch name {
				case "count":
					if len(list) != 10 || total != 100 || last != 10 {
						t.Errorf("%d frames in %d files", total, len(list))
					}
				case "size":
					if len(list) < 5 || total != 100 {
						t.Errorf("%d frames in %d files", total, len(list))
					}
				case "keep":
					if len(list) != 3 || total != 30 {
						t.Errorf("%d frames in %d files", total, len(list))
					}
				}
			})
		}
	}
}

func TestRotatorNeverWritesOver(t *testing.T) {
	dir := t.TempDir()
	ifs, frames := mixed(4)
	for range 3 { // as after a crash and a new start within a second
		r, err := capture.NewRotator(filepath.Join(dir, "x.pcapng"), nil, capture.Rotation{Count: 2, Keep: 1})
		must(t, err)
		must(t, r.Describe(ifs))
		for i := range frames {
			must(t, r.Write(&frames[i]))
		}
		must(t, r.Close())
	}
	if n := len(files(t, dir)); n != 3 {
		t.Errorf("%d files of three runs that keep one each", n)
	}
}

func TestRotatorWithoutLimits(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plain.pcap")
	must(t, os.WriteFile(file, []byte("old"), 0o600))
	ifs, frames := mixed(3)
	r, err := capture.NewRotator(file, nil, capture.Rotation{})
	must(t, err)
	must(t, r.Describe(ifs[:1]))
	must(t, r.Write(&frames[0]))
	must(t, r.Flush())
	got, err := readAll(openFile(t, file))
	if err != nil || len(got) != 1 {
		t.Errorf("after Flush: %d frames, %v", len(got), err)
	}
	must(t, r.Close())
	for _, wrong := range []capture.Rotation{{Size: -1}, {Every: time.Millisecond}, {Keep: -1}, {Count: -1}} {
		if _, err := capture.NewRotator(file, nil, wrong); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
	if _, err := capture.NewRotator(filepath.Join(file, "x"), nil, capture.Rotation{}); err == nil {
		t.Error("a file below a file")
	}
}
