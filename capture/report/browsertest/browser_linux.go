// Package browsertest opens pages in a real browser, for tests: Debian's Chromium without a window.
package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take on a busy machine before a test says that it hangs.
const patience = 2 * time.Minute

// Browser is one running browser.
type Browser struct{ ctx context.Context }

// Start starts a browser that ends with the test. Without one the test is skipped, or fails where REQUIRE_PEERS is set.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("REQUIRE_PEERS is set and there is no chromium")
		}
		t.Skip("no chromium here")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-dev-shm-usage", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx}
}

// Page is one page that is open.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu     sync.Mutex
	faults []string
}

// Open opens a file in a window of that size and waits until its script has set data-ready on the document. Whatever
// the page says to the console, every error of its script, and every request for anything but the file itself is a
// fault, see Faults.
func (b *Browser) Open(t testing.TB, file string, width, height int64) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "file", Path: path}).String()
	p := &Page{t: t, ctx: ctx}
	err = chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			p.fault("the console: %s %v", e.Type, e.Args)
		case *runtime.EventExceptionThrown:
			p.fault("an exception: %s %s", e.ExceptionDetails.Text, described(e.ExceptionDetails.Exception))
		case *network.EventRequestWillBeSent:
			if got, _, _ := strings.Cut(e.Request.URL, "#"); got != address && !strings.HasPrefix(got, "blob:") {
				p.fault("a request: %s", e.Request.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Do(command(network.Enable, network.EnableParams{}), command(performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}),
		chromedp.EmulateViewport(width, height), chromedp.Navigate(address),
		chromedp.WaitReady(chromedp.CSS(`html[data-ready]`)))
	return p
}

func (p *Page) fault(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// Faults are those that were seen so far.
func (p *Page) Faults() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.faults...)
}

// Worked is for how long the page's thread has had the processor since it was opened: on a busy machine too it tells
// what the page costs.
func (p *Page) Worked() time.Duration {
	p.t.Helper()
	var m performance.GetMetricsResult
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		m, err = cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		return err
	}))
	for _, m := range m.Metrics {
		if m.Name == "TaskDuration" {
			return time.Duration(m.Value * float64(time.Second))
		}
	}
	p.t.Fatal("the browser does not tell how long its tasks took")
	return 0
}

// command is an action that sends a command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// Do runs actions of chromedp; an error ends the test.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("in the browser: %v; faults so far: %q", err, p.Faults())
	}
}

// Eval evaluates a script, waits for it if it is a promise, and returns its value.
func Eval[T any](p *Page, script string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("in the browser: %s: %v; faults so far: %q", script[:min(len(script), 100)], err, p.Faults())
	}
	return v
}

// Scheme makes the page light or dark.
func (p *Page) Scheme(name string) {
	p.t.Helper()
	p.Do(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	}))
}

// Accessible runs axe-core, whose script the environment's AXE_CORE names, and returns what it finds: an empty list
// is good. Without it the test is skipped, or fails where REQUIRE_PEERS is set.
func (p *Page) Accessible() []string {
	p.t.Helper()
	script, err := os.ReadFile(os.Getenv("AXE_CORE"))
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			p.t.Fatalf("REQUIRE_PEERS is set, and AXE_CORE does not name axe-core's script: %v", err)
		}
		p.t.Skip("AXE_CORE does not name axe-core's script")
	}
	Eval[chromedp.Void](p, string(script))
	return Eval[[]string](p, `axe.run({resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + v.help + ': ' +
		v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' ' + n.any.map(a => a.message).join('; ')).join(' | ')))`)
}

// Looks has axe-core judge a page on a phone and on a wide screen, light and dark, after ready has brought it to where
// it is to be looked at. Nothing is wider than the page, and nothing goes wrong. Where the environment's SCREENSHOTS
// names a directory, what is seen is kept there, under the name.
func (b *Browser) Looks(t testing.TB, file, name string, ready func(*Page)) {
	t.Helper()
	for _, width := range []int64{360, 1600} {
		p := b.Open(t, file, width, 900)
		ready(p)
		if over := Eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("at %d the page is %d too wide", width, over)
		}
		for _, scheme := range []string{"light", "dark"} {
			p.Scheme(scheme)
			if dir := os.Getenv("SCREENSHOTS"); dir != "" {
				p.Screenshot(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)))
			}
			for _, found := range p.Accessible() {
				t.Errorf("at %d, %s: %s", width, scheme, found)
			}
		}
		for _, fault := range p.Faults() {
			t.Errorf("at %d: %s", width, fault)
		}
	}
}

// Screenshot writes what is seen to a file.
func (p *Page) Screenshot(file string) {
	p.t.Helper()
	b, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(file, b, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// Valid has tidy judge a page. Without tidy that is skipped, or fails where REQUIRE_PEERS is set.
func Valid(t testing.TB, file string) {
	t.Helper()
	if _, err := exec.LookPath("tidy"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("REQUIRE_PEERS is set and there is no tidy")
		}
		t.Skip("no tidy here")
	}
	out, _ := exec.Command("tidy", "-q", "-e", "--drop-empty-elements", "no", file).CombinedOutput() // exit status 1 is a warning
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "<svg> proprietary attribute") { // it does not know that an svg may stand in another
			t.Errorf("tidy: %s", line)
		}
	}
}

// described is what an exception says of itself.
func described(e *runtime.RemoteObject) string {
	if e == nil {
		return ""
	}
	return e.Description
}
