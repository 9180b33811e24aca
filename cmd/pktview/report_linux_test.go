package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/report/browsertest"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// transfer has a send n bytes to b on a TCP connection, and returns when both have closed it.
func transfer(t *testing.T, a, b *netlab.Host, n int) {
	t.Helper()
	var listener net.Listener
	must(t, b.Do(func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(b.Addr4(), 0).String())
		return err
	}))
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err == nil {
			defer c.Close()
			_, err = io.Copy(io.Discard, c)
		}
		served <- err
	}()
	must(t, a.Do(func() error {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(make([]byte, n))
		return err
	}))
	must(t, <-served)
}

// nasty is text that a page must show as text. As a name of a file its slash parts a folder from a file.
const nasty = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\x1b[2J\u202egnp.exe"

// lossy makes a capture of a TCP stream over a link that loses, in a file with a hostile name, with hostile comments
// and a hostile request behind it.
func lossy(t *testing.T) (dir, name string) {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	must(t, err)
	t.Cleanup(func() { lab.Close() })
	a, err := lab.Host("a")
	must(t, err)
	b, err := lab.Host("b")
	must(t, err)
	bad := impair.Config{Loss: 0.08, Delay: 2 * time.Millisecond, Seed: 7}
	_, err = lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{AtoB: bad, BtoA: impair.Config{Delay: 2 * time.Millisecond}}})
	must(t, err)
	dir = t.TempDir()
	s := capturing(t, a, "-i", a.Ifname(), "-w", filepath.Join(dir, "plain.pcapng"), "tcp")
	transfer(t, a, b, 150_000)
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	r, err := capture.OpenFile(filepath.Join(dir, "plain.pcapng"))
	must(t, err)
	defer r.Close()
	var frames []capture.Frame
	var last time.Time
	for f, err := range r.Frames(t.Context()) {
		must(t, err)
		last = f.Time
		f.Data, f.Interface, f.Comments = append([]byte{}, f.Data...), 0, []string{nasty}
		frames = append(frames, f)
	}
	c := &tape{t: t, at: last.Add(time.Millisecond)}
	x, y := c.connect(40000, 80)
	x.send(0x18, "GET /"+nasty[:8]+" HTTP/1.1\r\nHost: "+nasty+"\r\n\r\n")
	y.send(0x10, "")
	name = filepath.Join(dir, nasty+".pcapng")
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	write(t, name, append(frames, c.frames...))
	return dir, name
}

const reportHelpers = `
	const wait = ms => new Promise(r => setTimeout(r, ms)), $ = id => document.getElementById(id);
	const until = async f => { for (let i = 0; i < 4000 && !f(); i++) await wait(5); return !!f(); };
	const detail = async name => {
		location.hash = '#' + name;
		if (!await until(() => $('detail').dataset.of === name)) return null;
		const facts = {};
		for (const d of $('detail').querySelectorAll('dd[data-key]')) facts[d.dataset.key] = (facts[d.dataset.key] || '') + d.textContent + '\n';
		return {facts, marks: document.querySelectorAll('.mark').length, charts: $('detail').querySelectorAll('button').length};
	};`

// The page of a real lossy stream, in a browser: every packet's address leads to what --json says of it and marks it in
// the charts, the keyboard leads there too, nothing is asked of a network or said to the console, text is text.
func TestReportPageOfLossyStream(t *testing.T) {
	b := browsertest.Start(t)
	t.Parallel()
	dir, name := lossy(t)
	page := filepath.Join(dir, "page.html")
	inDir(t, "", "-r", name, "--report", page)
	browsertest.Valid(t, page)
	p := b.Open(t, page, 1600, 1000)
	checkPackets(t, p, name)
	// The keys alone: to the last segment, to its details, and back.
	if !browsertest.Eval[bool](p, "(async () => {"+reportHelpers+`
		const box = document.querySelector('#chart-stream-0-sequence-from-client .plot');
		const key = (k, on) => on.dispatchEvent(new KeyboardEvent('keydown', {key: k, bubbles: true, cancelable: true}));
		box.focus(); key('ArrowRight', box); key('End', box);
		const number = /packet (\d+)$/.exec(box.getAttribute('aria-valuetext'))[1];
		key('Enter', box);
		const there = await until(() => $('detail').dataset.of === 'packet-' + number) && document.activeElement.id === 'detail';
		key('Escape', $('detail'));
		return there && document.activeElement === box && box.querySelectorAll('.spot').length === 1})()`) {
		t.Error("the keyboard does not lead from a point to its packet and back")
	}
	if got := browsertest.Eval[string](p, `[document.title, document.querySelectorAll('img').length, document.querySelectorAll('script:not([type])').length].join('|')`); !strings.Contains(got, "<script>document.title='owned'</script>") || !strings.HasSuffix(got, "|0|1") {
		t.Errorf("title, images and scripts: %q", got)
	}
	for _, f := range p.Faults() {
		t.Error(f)
	}
	b.Looks(t, page, "lossy", func(p *browsertest.Page) {
		if !browsertest.Eval[bool](p, "(async () => {"+reportHelpers+"return !!await detail('packet-5')})()") {
			t.Error("there is no packet 5")
		}
	})
}

// checkPackets compares what the page shows at the address of each packet with its record.
func checkPackets(t *testing.T, p *browsertest.Page, name string) {
	t.Helper()
	type shown struct {
		Facts         map[string]string
		Marks, Charts int
	}
	packets := jsonOf[packetJSON](t, "", "-r", name)
	again, compared, hostile := 0, 0, 0
	var numbers []string
	for _, r := range packets {
		if r.Type == "packet" {
			numbers = append(numbers, fmt.Sprintf("%d", r.Number))
		}
	}
	text := browsertest.Eval[string](p, "(async () => {"+reportHelpers+"const all = {}; for (const n of ["+strings.Join(numbers, ",")+
		"]) all[n] = await detail('packet-' + n); return JSON.stringify(all)})()")
	var all map[int]*shown
	must(t, json.Unmarshal([]byte(text), &all))
	first := map[string]uint32{}
	for _, r := range packets {
		if r.Type != "packet" {
			continue
		}
		s := all[r.Number]
		if s == nil || s.Marks == 0 || s.Charts == 0 {
			t.Errorf("packet %d leads nowhere: %+v", r.Number, s)
			continue
		}
		tcp := r.Layers[2].Fields
		key := fmt.Sprint(*r.Stream, r.Layers[1].Fields.Src)
		if tcp.SYN {
			first[key] = tcp.Seq
		}
		want := []string{fmt.Sprintf(", length %d", tcp.Length), r.Layers[1].Fields.Src + ":"}
		if tcp.Length > 0 {
			want = append(want, fmt.Sprintf("seq %d:%d,", tcp.Seq-first[key], int64(tcp.Seq-first[key])+tcp.Length))
		}
		for _, w := range want {
			if !strings.Contains(s.Facts["line"], w) {
				t.Errorf("packet %d has no %q in %q", r.Number, w, s.Facts["line"])
			}
		}
		if at := r.Time.UTC().Format("15:04:05.000000000"); !strings.Contains(s.Facts["time"], at) {
			t.Errorf("packet %d is of %s, shown is %q", r.Number, at, s.Facts["time"])
		}
		if got := strings.Count(s.Facts["verdict"], "\n"); got != len(r.Verdicts) {
			t.Errorf("packet %d: %d verdicts in %q, want %v", r.Number, got, s.Facts["verdict"], r.Verdicts)
		}
		for _, v := range r.Verdicts {
			if v.Kind == "retransmission" {
				again++
			}
		}
		compared++
		if strings.Contains(s.Facts["line"], nasty[:8]) {
			hostile++
		}
	}
	if again == 0 || compared < 100 || hostile == 0 {
		t.Errorf("%d packets were compared, %d of them sent again, %d with hostile text", compared, again, hostile)
	}
}

// A live report, ended by a count, is there when the command ends, and says what the summary says.
func TestLiveReport(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	page := filepath.Join(t.TempDir(), "live.html")
	s := capturing(t, b, "-i", "eth0", "-c", "20", "--report", page, "udp port 9999")
	send(25)
	if code := s.end(0); code != 0 || !strings.Contains(s.stderr.String(), "20 packets captured, 0 dropped by the kernel") {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	text, err := os.ReadFile(page)
	must(t, err)
	for _, want := range []string{"20 packets, 1.14 kB on the wire", "20 → and 0 ← packets", "20 packets</text>"} { // 57 bytes each
		if !strings.Contains(string(text), want) {
			t.Errorf("the page has no %q", want)
		}
	}
}
