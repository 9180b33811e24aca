package abi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestTable checks, for both architectures, that every number is given the name that x/sys has for it. That x/sys has
// the number for an architecture is for the compiler to say.
func TestTable(t *testing.T) {
	files, err := filepath.Glob("*_linux*.go")
	if err != nil {
		t.Fatal(err)
	}
	entries := 0
	entry := func(key, value ast.Expr) {
		selector, ok := key.(*ast.SelectorExpr)
		if !ok || !strings.HasPrefix(selector.Sel.Name, "SYS_") {
			return
		}
		lit, ok := value.(*ast.CompositeLit)
		if !ok || len(lit.Elts) == 0 {
			t.Errorf("%s has no name", selector.Sel.Name)
			return
		}
		name, err := strconv.Unquote(lit.Elts[0].(*ast.BasicLit).Value)
		if err != nil || "SYS_"+strings.ToUpper(name) != selector.Sel.Name {
			t.Errorf("%s is called %q", selector.Sel.Name, name)
		}
		entries++
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				entry(n.Key, n.Value)
			case *ast.AssignStmt:
				if index, ok := n.Lhs[0].(*ast.IndexExpr); ok {
					entry(index.Index, n.Rhs[0])
				}
			}
			return true
		})
	}
	if entries < 40 || len(table) > entries {
		t.Errorf("only %d entries in the source, %d in the table", entries, len(table))
	}
	for number, s := range table {
		if got, ok := Lookup(number); !ok || got != s || s.Class == 0 {
			t.Errorf("%d: %+v", number, got)
		}
	}
}
