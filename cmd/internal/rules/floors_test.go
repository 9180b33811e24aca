package rules

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// upward is how many of the references between the files of a package run back up at most: its files can be put in an
// order in which all others refer downwards. Of a package that is not named it is one in ten. Lower a number when a
// move allows it.
var upward = map[string]int{
	"capture/decode": 0, "capture/filter": 0, "capture/trace": 0, "raw/packet": 0, // the large rooms
	"capture": 9, "capture/trace/ebpf": 9, "capture/trace/internal/abi": 6, "capture/trace/ptrace": 8, "capture/trace/show": 4,
	"cmd/dgrecv": 1, "cmd/dgsend": 2, "cmd/internal/cli": 7, "cmd/rawping": 5, "cmd/sockwire": 7,
	"dgram": 10, "dgram/perf": 15, "dgram/relay": 3, "raw/netlab": 9,
}

// TestFilesReferDownwards: a package is read from its lowest file up, without going round in circles.
func TestFilesReferDownwards(t *testing.T) {
	var dirs []string
	for _, s := range sources(t) {
		if dir := filepath.Dir(s.file); !s.isTest() && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		g := fileGraph(t, dir)
		back := g.backward()
		most, named := upward[dir]
		if !named {
			most = g.references() / 10
		}
		t.Logf("%s: %d of %d", dir, len(back), g.references())
		if len(back) > most {
			t.Errorf("%s: %d of %d references between files run back up, at most %d may:", dir, len(back), g.references(), most)
			for _, e := range back {
				t.Errorf("\t%s refers to %s, for instance by %s", e[0], e[1], g[e[0]][e[1]])
			}
		}
	}
}

// graph has, for each file, the files that it refers to, with a name that it uses from there.
type graph map[string]map[string]string

// fileGraph reads the files that a package has on this system.
func fileGraph(t *testing.T, dir string) graph {
	fset := token.NewFileSet()
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if ok, err := build.Default.MatchFile(filepath.Join(root, dir), name); err != nil || !ok {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(root, dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	pkg, _ := config.Check(dir, fset, files, info) // its errors are those of what is not imported
	g := graph{}
	for id, o := range info.Uses {
		if o.Pkg() != pkg {
			continue
		}
		from, to := filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(o.Pos()).Filename)
		if from == to {
			continue
		}
		if g[from] == nil {
			g[from] = map[string]string{}
		}
		if old, ok := g[from][to]; !ok || o.Name() < old {
			g[from][to] = o.Name()
		}
	}
	return g
}

// nothing imports nothing: only what is declared in the package itself is looked for.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) { return nil, os.ErrNotExist }

func (g graph) references() (n int) {
	for _, to := range g {
		n += len(to)
	}
	return n
}

// backward returns the references that run back up in an order of the files that has few of them: from the lowest up,
// files that refer to nothing which is left come first, and where all refer to something, the one whose references to
// others are fewest beyond those to it.
func (g graph) backward() [][2]string {
	left := map[string]bool{}
	for from, to := range g {
		left[from] = true
		for file := range to {
			left[file] = true
		}
	}
	place := map[string]int{}
	for len(left) > 0 {
		best, least := "", 0
		for file := range left {
			out, in := 0, 0
			for to := range g[file] {
				if left[to] {
					out++
				}
			}
			for from := range left {
				if _, ok := g[from][file]; ok {
					in++
				}
			}
			score := out*1000 - in
			if out > 0 {
				score = 1_000_000 + out - in
			}
			if best == "" || score < least || score == least && file < best {
				best, least = file, score
			}
		}
		place[best] = len(place)
		delete(left, best)
	}
	var back [][2]string
	for from, to := range g {
		for file := range to {
			if place[file] > place[from] {
				back = append(back, [2]string{from, file})
			}
		}
	}
	slices.SortFunc(back, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return back
}
