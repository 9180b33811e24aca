package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The ground floor is written once: raw/wire has the Internet checksum, the walk over IPv6 extension headers and the
// walk over the options of IPv4 and TCP, and its users call them. These tests look for what gives another one away.

// foldsSum is how a ones' complement sum is brought down to 16 bits.
var foldsSum = regexp.MustCompile(`>>\s?16\s?\+\s?\(?\w+\s?&\s?0xffff`)

// checksLength is how an option's length is looked at before it is passed.
var checksLength = regexp.MustCompile(`\[(1|\w+\s?\+\s?1)\]\)?\s?<\s?2\b`)

// declaresFlags is another type for the flags of TCP, or other constants for them.
var declaresFlags = regexp.MustCompile(`^\s*(type )?(TCPFlags uint|(TCP)?FIN\s.*iota)`)

// countsEdits is how a distance between words is made of those of shorter ones.
var countsEdits = regexp.MustCompile(`min\(.*\]\s?\+\s?1,.*\]\s?\+\s?1\b`)

func TestOneChecksumOneWalkOverOptions(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.in("raw/wire") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, s.file))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			line, _, _ = strings.Cut(line, "//")
			if foldsSum.MatchString(line) {
				t.Errorf("%s:%d sums by itself: the Internet checksum is wire.Sum", s.file, i+1)
			}
			if declaresFlags.MatchString(line) {
				t.Errorf("%s:%d declares TCP flags: they are wire.TCPFlags", s.file, i+1)
			}
			if countsEdits.MatchString(line) {
				t.Errorf("%s:%d counts edits between words: edlib.OSADamerauLevenshteinDistance does", s.file, i+1)
			}
			if checksLength.MatchString(line) {
				t.Errorf("%s:%d walks over options: use wire.TCPOptions, wire.IPv4Options or wire.OptionAt", s.file, i+1)
			}
		}
	}
}

// TestGoldenFilesAreWrittenInOnePlace: -update is capture/golden's, and what users run does not link it.
func TestGoldenFilesAreWrittenInOnePlace(t *testing.T) {
	for _, s := range sources(t) {
		text, err := os.ReadFile(filepath.Join(root, s.file))
		if err != nil {
			t.Fatal(err)
		}
		if !s.in("capture/golden") && strings.Contains(string(text), `("update", `) && s.file != "cmd/internal/rules/once_test.go" {
			t.Errorf("%s defines -update: capture/golden has it", s.file)
		}
		tests := s.isTest() || s.in("cmd/internal/cli/clitest") || s.in("capture/golden")
		if !tests && strings.Contains(string(text), `"sockwire/capture/golden"`) {
			t.Errorf("%s imports capture/golden, which is for tests", s.file)
		}
	}
}

// TestOneWalkOverExtensionHeaders looks for a test of a number against more than one extension header: who passes them
// tests for several at once.
func TestOneWalkOverExtensionHeaders(t *testing.T) {
	extensions := map[string]bool{"0": true, "43": true, "60": true, "ProtoHopByHop": true, "ProtoRouting": true, "ProtoDstOpts": true}
	telling := map[string]bool{"43": true, "60": true, "ProtoRouting": true, "ProtoDstOpts": true}
	for _, s := range sources(t) {
		if s.isTest() || s.in("raw/wire") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(root, s.file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			var all []ast.Expr
			switch n := n.(type) {
			case *ast.CaseClause:
				all = n.List
			case *ast.BinaryExpr:
				if n.Op == token.LOR {
					all = equals(nil, n)
				}
			}
			several, tells := 0, 0
			for _, e := range all {
				if extensions[lastName(e)] {
					several++
				}
				if telling[lastName(e)] {
					tells++
				}
			}
			if several > 1 && tells > 1 || several > 2 && tells > 0 {
				t.Errorf("%s walks over IPv6 extension headers: use wire.Parse, wire.WalkExtensions or wire.SkipExtensions", fset.Position(n.Pos()))
				return false
			}
			return true
		})
	}
}

// equals collects what is compared with in "a == x || a == y".
func equals(list []ast.Expr, e ast.Expr) []ast.Expr {
	if b, ok := e.(*ast.BinaryExpr); ok {
		switch b.Op {
		case token.LOR:
			return equals(equals(list, b.X), b.Y)
		case token.EQL:
			return append(list, b.Y)
		}
	}
	return list
}

// lastName is a number, or a name without its package.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Value
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
