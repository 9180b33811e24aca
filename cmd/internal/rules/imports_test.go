// Package rules holds the tests that look at the project as a whole.
package rules

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const root = "../../.."

// source is one Go file of the project and what it imports.
type source struct {
	file    string // slash-separated, from the root
	imports []string
}

func (s source) isTest() bool { return strings.HasSuffix(s.file, "_test.go") }

// in tells whether the file stands in dir or below it.
func (s source) in(dir string) bool { return strings.HasPrefix(s.file, dir+"/") }

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, top := range []string{"cmd", "raw", "dgram", "capture"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			s := source{file: filepath.ToSlash(rel)}
			for _, spec := range parsed.Imports {
				p, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				s.imports = append(s.imports, p)
			}
			all = append(all, s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) == 0 {
		t.Fatal("no source found")
	}
	return all
}

// mayImport lists, for the three libraries, what they may use of each other outside tests, and why no more:
// a program that pings must not carry the decoders, and a decoder must not open sockets. raw/wire is the ground floor:
// everybody may use it, and it uses nobody.
var mayImport = []struct {
	from    string
	allowed []string
}{
	{"dgram", []string{"sockwire/dgram", "sockwire/raw/wire", "sockwire/raw/cmsg", "sockwire/raw/probe", "sockwire/raw/impair"}},
	{"capture", []string{"sockwire/capture", "sockwire/raw/wire", "sockwire/raw/cmsg"}},
	{"raw/wire", nil},
	{"raw", []string{"sockwire/raw"}},
}

func TestLibrariesKeepApart(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, rule := range mayImport {
			if !s.in(rule.from) {
				continue
			}
			for _, p := range s.imports {
				if strings.HasPrefix(p, "sockwire/") && !under(p, rule.allowed) {
					t.Errorf("%s imports %s: %s may use only %v of this module, so that each library can be linked without the others",
						s.file, p, rule.from, rule.allowed)
				}
			}
			break
		}
	}
}

// TestLibrariesKeepApartThroughOthers is the same for what is linked through other packages.
func TestLibrariesKeepApartThroughOthers(t *testing.T) {
	linked := newLinks(sources(t))
	for from := range linked {
		for _, rule := range mayImport {
			if !under(from, []string{"sockwire/" + rule.from}) {
				continue
			}
			for p, way := range linked.from(from) {
				if !under(p, rule.allowed) && p != from {
					t.Errorf("%s links %s: %s may link only %v of this module", from, way, rule.from, rule.allowed)
				}
			}
			break
		}
	}
}

// mustNotLink says what commands do without, and why.
var mustNotLink = []struct{ command, without, because string }{
	{"rawping", "sockwire/capture", "a ping decodes nothing, starts in a moment, and hears at most which of its echoes this host drops"},
	{"dgperf", "sockwire/capture", "it measures its own datagrams, and hears at most which of them this host drops"},
	{"dgrelay", "sockwire/capture", "it relays datagrams unread"},
}

// drawing is what every command may link: charts and pages, which know nothing of packets.
var drawing = []string{"sockwire/capture/report/runs", "sockwire/capture/report/plot", "sockwire/capture/report/page"}

// dropping is what rawping and dgperf may link to hear of drops: it decodes nothing.
var dropping = []string{"sockwire/capture/drop", "sockwire/capture/internal/bpfprog"}

func TestDrawingLinksNothingElse(t *testing.T) {
	linked := newLinks(sources(t))
	for _, from := range drawing {
		for p, way := range linked.from(from) {
			if !under(p, drawing) {
				t.Errorf("%s links %s: whoever draws must not carry it", from, way)
			}
		}
	}
}

func TestCommandsLinkWhatTheyNeed(t *testing.T) {
	linked := newLinks(sources(t))
	for _, rule := range mustNotLink {
		command := "sockwire/cmd/" + rule.command
		if linked[command] == nil {
			t.Fatalf("there is no command %s", rule.command)
		}
		for p, way := range linked.from(command) {
			hears := rule.command != "dgrelay" && (p == "sockwire/capture" || under(p, dropping))
			if under(p, []string{rule.without}) && !under(p, drawing) && !hears {
				t.Errorf("%s links %s: %s", rule.command, way, rule.because)
			}
		}
	}
}

// links are the packages of this module that each of them imports outside tests, whatever the system.
type links map[string]map[string]bool

func newLinks(all []source) links {
	l := links{}
	for _, s := range all {
		if s.isTest() {
			continue
		}
		from := "sockwire/" + path.Dir(s.file)
		if l[from] == nil {
			l[from] = map[string]bool{}
		}
		for _, p := range s.imports {
			if strings.HasPrefix(p, "sockwire/") {
				l[from][p] = true
			}
		}
	}
	return l
}

// from returns all that a package links of this module, and the way to each.
func (l links) from(start string) map[string]string {
	found := map[string]string{}
	var visit func(p, way string)
	visit = func(p, way string) {
		for next := range l[p] {
			if _, known := found[next]; !known {
				found[next] = way + next
				visit(next, way+next+" → ")
			}
		}
	}
	visit(start, "")
	return found
}

func under(p string, dirs []string) bool {
	for _, d := range dirs {
		if p == d || strings.HasPrefix(p, d+"/") {
			return true
		}
	}
	return false
}

// TestGopacketStaysInItsAdapters: linking gopacket's layers costs every program 3.5 ms of start-up.
func TestGopacketStaysInItsAdapters(t *testing.T) {
	all := sources(t)
	for _, s := range all {
		for _, p := range s.imports {
			if strings.HasPrefix(p, "github.com/google/gopacket") && !s.in("capture/gopackets") && !s.in("capture/decode/gopackets") {
				t.Errorf("%s imports %s: gopacket is for capture/gopackets and capture/decode/gopackets alone, so that only their users pay for it", s.file, p)
			}
		}
	}
	linked := newLinks(all)
	for from := range linked {
		if !under(from, []string{"sockwire/cmd/pktview", "sockwire/capture/gopackets", "sockwire/capture/decode/gopackets"}) {
			for _, tail := range []string{"sockwire/capture/gopackets", "sockwire/capture/decode/gopackets"} {
				if way, there := linked.from(from)[tail]; there {
					t.Errorf("%s links %s: only pktview shows the long tail", from, way)
				}
			}
		}
	}
}

// TestParquetStaysInTables: what it brings makes a program a third larger, and only pktview writes tables.
func TestParquetStaysInTables(t *testing.T) {
	all := sources(t)
	for _, s := range all {
		for _, p := range s.imports {
			if strings.HasPrefix(p, "github.com/parquet-go/") && !s.in("capture/table") {
				t.Errorf("%s imports %s: parquet-go is for capture/table alone, so that only its users pay for it", s.file, p)
			}
		}
	}
	linked := newLinks(all)
	for from := range linked {
		if !under(from, []string{"sockwire/cmd/pktview", "sockwire/capture/table"}) {
			if way, there := linked.from(from)["sockwire/capture/table"]; there {
				t.Errorf("%s links %s: only pktview writes tables", from, way)
			}
		}
	}
}

var oneSystem = regexp.MustCompile(`_(linux|darwin|freebsd|openbsd|netbsd|unix)(_[a-z0-9]+)?(_test)?\.go$`)

func TestUnixPackageOnlyInFilesForOneSystem(t *testing.T) {
	for _, s := range sources(t) {
		for _, p := range s.imports {
			if p == "golang.org/x/sys/unix" && !oneSystem.MatchString(s.file) {
				t.Errorf("%s imports %s: name the file for its system (…_linux.go), so that a reader sees where the portable part ends", s.file, p)
			}
		}
	}
}

func TestCommandsDoNotImportCommands(t *testing.T) {
	for _, s := range sources(t) {
		for _, p := range s.imports {
			if strings.HasPrefix(p, "sockwire/cmd/") && (!strings.HasPrefix(p, "sockwire/cmd/internal/") || !s.in("cmd")) {
				t.Errorf("%s imports %s: what two places need belongs in a library or in cmd/internal", s.file, p)
			}
		}
	}
}

// TestTopLevel keeps the top of the tree to what a reader expects there.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"cmd": true, "raw": true, "dgram": true, "capture": true, "go.mod": true, "go.sum": true, "README.md": true, "bin": true}
	for _, e := range entries {
		if !allowed[e.Name()] && !strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s stands at the top level, where only cmd, raw, dgram, capture, go.mod, go.sum, README.md and dotfiles belong", e.Name())
		}
	}
}

// TestMainsAreOneLine keeps commands callable from tests: main hands everything to cli.Main.
func TestMainsAreOneLine(t *testing.T) {
	mains, err := filepath.Glob(filepath.Join(root, "cmd", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("no commands found: %v", err)
	}
	for _, name := range mains {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^func main\(\) \{ cli\.Main\(\w+\) \}$`).Match(text) {
			t.Errorf("%s: want a line func main() { cli.Main(run) }", path.Join("cmd", path.Base(path.Dir(filepath.ToSlash(name))), "main.go"))
		}
	}
}
