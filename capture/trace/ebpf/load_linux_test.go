//go:build amd64 || arm64

package ebpf

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// How long a trace takes to begin is how long the kernel checks the programs: each function of them once, and not
// wherever it is called. All were 82,000 instructions before that, and 8,000 after.
func TestTheKernelChecksFunctionsOnce(t *testing.T) {
	tr := open(t, &Config{Packets: true})
	defer tr.Close()
	tr.hook("self")
	list, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range list {
		b, _ := os.ReadFile(name) // the descriptor may be closed by now
		_, line, _ := strings.Cut(string(b), "\nprog_type:")
		_, line, ok := strings.Cut(line, "\nprog_id:\t")
		if !ok {
			continue
		}
		id, err := strconv.ParseUint(line[:strings.IndexByte(line, '\n')], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
		if err != nil {
			t.Fatal(err)
		}
		info, err := p.Info()
		p.Close()
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if n, ok := info.VerifiedInstructions(); ok && n > 4000 {
			t.Errorf("%s: the kernel looked at %d instructions", info.Name, n)
		}
	}
	if seen < 10 {
		t.Errorf("%d programs", seen)
	}
}
