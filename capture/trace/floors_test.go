package trace

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floors are the files of this package from the ground up: events, then their records, then what finds records, a join
// for each kind of socket, and the timeline on top. A file refers to those before it only.
var floors = []string{
	"wait.go", "reason.go", "event.go", "source.go", "clock.go", "program.go", "frame.go", "sighting.go",
	"record.go", "arrange.go", "search.go", "socket.go", "network.go", "unit.go", "fragment.go", "message.go",
	"raw.go", "stream.go", "datagram.go", "unix.go", "uncaptured.go", "icmp.go", "wake.go", "cause.go", "verdict.go",
	"past.go", "timeline.go", "complete.go", "check.go", "window.go",
}

// none imports nothing: what this package refers to of itself is known without.
type none struct{}

func (none) Import(string) (*types.Package, error) { return nil, errors.New("not imported") }

// TestFloors checks that no file refers to one above it, and that none of them knows what renders or follows a
// timeline.
func TestFloors(t *testing.T) {
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(floors, name) {
			t.Errorf("%s is on none of the floors", name)
		}
		for _, i := range f.Imports {
			if path := strings.Trim(i.Path.Value, `"`); strings.HasPrefix(path, "sockwire/capture/trace/") {
				t.Errorf("%s imports %s", name, path)
			}
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: none{}, Error: func(error) {}}
	pkg, _ := config.Check("trace", fset, files, info) // errors are those of what is not imported
	references := map[[2]string]bool{}
	for id, o := range info.Uses {
		if o.Pkg() != pkg {
			continue
		}
		from, to := filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(o.Pos()).Filename)
		if from == to || references[[2]string{from, to}] {
			continue
		}
		references[[2]string{from, to}] = true
		if slices.Index(floors, to) > slices.Index(floors, from) {
			t.Errorf("%s refers up to %s: %s", fset.Position(id.Pos()), to, o.Name())
		}
	}
	if len(references) < 80 {
		t.Errorf("only %d references were found", len(references))
	}
	t.Logf("%d references between files", len(references))
}
