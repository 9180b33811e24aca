// Package golden compares what a test makes with a file in its package's folder. `go test -update` writes the files
// anew: look at the difference before you commit it, it is what users will see. Only tests import it.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Update writes got into file if the tests run with -update, and says whether it did.
func Update(t testing.TB, file, got string) bool {
	t.Helper()
	if !*update {
		return false
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
	return true
}

// Check compares got with file.
func Check(t testing.TB, file, got string) {
	t.Helper()
	if Update(t, file, got) {
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the code makes now; go test -update writes it anew (-want +got):\n%s", file, diff)
	}
}
