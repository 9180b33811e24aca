package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/capture/report/browsertest"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

// TestPages opens the pages of all scenes, of curl and of a stream that loses segments in a browser: nothing is
// said to its console, nothing is asked of a network, and every part has something to show.
func TestPages(t *testing.T) {
	netlab.Need(t)
	dir := t.TempDir()
	var names []string
	for _, s := range scenes {
		names = append(names, s.name)
	}
	all := filepath.Join(dir, "scenes.html")
	stdout, stderr, code := clitest.Run(t, run, "", append(names, "-o", all)...)
	if code != 0 || stdout != "" || stderr != "" {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	pages := map[string]string{"all scenes": all, "a lossy stream": filepath.Join(dir, "loss.html")}
	j := newJudge(t)
	j.do(t, j.host(t, "host", false), dir, "sockwire", "--engine", "ptrace", "-o", pages["a lossy stream"], "--", "exercise", "lose")
	if peersAvailable(t) {
		pages["curl"] = filepath.Join(dir, "curl.html")
		_ = command(t, "--isolate", "-o", pages["curl"], "--", "curl", "-s", "http://127.0.0.1:1/").Run() // it is refused: nobody listens
	}
	for _, name := range names {
		one := filepath.Join(dir, name+".html")
		if _, stderr, code := clitest.Run(t, run, "", name, "-o", one); code != 0 || stderr != "" {
			t.Fatalf("%s: exit %d: %s", name, code, stderr)
		}
		info, err := os.Stat(one)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 300<<10 {
			t.Errorf("the page of %s has %d bytes", name, info.Size())
		}
	}
	b := browsertest.Start(t)
	for name, file := range pages {
		p := b.Open(t, file, 1200, 800)
		parts := browsertest.Eval[[]string](p, `(async () => {
			const said = [], buttons = [...document.querySelectorAll('#parts button')];
			for (const b of buttons.length ? buttons : [null]) {
				if (b) b.click();
				document.querySelector('.row[data-of]').click();
				while (!document.querySelector('#detail dd')) await new Promise(r => setTimeout(r, 1));
				said.push((b ? b.textContent : '') + ': ' + document.getElementById('count').textContent);
			}
			return said;
		})()`)
		want := 1
		if name == "all scenes" {
			want = len(names) + 1 // stream plays over both families
		}
		if len(parts) != want {
			t.Errorf("%s: parts %q, want %d", name, parts, want)
		}
		for _, part := range parts {
			if strings.Contains(part, ": 0 calls") || strings.Contains(part, ", 0 packets") && !strings.HasPrefix(part, "unix") {
				t.Errorf("%s: %s", name, part)
			}
		}
		if name == "a lossy stream" && browsertest.Eval[int](p, `document.querySelectorAll('.row.again').length`) == 0 {
			t.Errorf("%s: nothing is marked as sent again", name)
		}
		for _, f := range p.Faults() {
			t.Errorf("%s: %s", name, f)
		}
	}
}

// TestPictures writes a scene and a program as a trace for Perfetto, and refuses what does not go together.
func TestPictures(t *testing.T) {
	netlab.Need(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "x.perfetto.json")
	if _, stderr, code := clitest.Run(t, run, "", "datagram", "-o", file); code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var trace struct {
		Events []struct{ Name, Cat string } `json:"traceEvents"`
	}
	if err := json.Unmarshal(b, &trace); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, e := range trace.Events {
		have[e.Cat+" "+e.Name] = true
	}
	if !have["call sendto"] || !have["carried carried"] {
		t.Errorf("the trace has %d events, and no sendto or no arrow to its packet", len(trace.Events))
	}
	for _, args := range [][]string{
		{"-o", "x.html", "--json"}, {"-o", "x.html", "-v"}, {"-o", "x.perfetto.json", "--columns"}, {"-o", "x.pkt", "stream"},
		{"-o", "x.html", "--summary", "--", "true"},
	} {
		_, stderr, code := clitest.Run(t, run, "", args...)
		if code != 2 || !strings.HasPrefix(stderr, "sockwire: -o x.") {
			t.Errorf("%q: exit %d: %s", args, code, stderr)
		}
	}
	if _, stderr, code := clitest.Run(t, run, "", "-o", filepath.Join(dir, "no", "x.html"), "unix"); code != 2 || !strings.Contains(stderr, "hint: -o wants a file") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if stdout, _, code := clitest.Run(t, run, "", "-o", filepath.Join(dir, "x.txt"), "unix"); code != 0 || stdout != "" {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "x.txt")); err != nil || !strings.Contains(string(b), "nothing on the wire") {
		t.Errorf("%v: %s", err, b)
	}
}
